"""PyTorch, DataLoader and the plain loop.

From docs.pytorch.org: 'Learn the Basics' (Datasets & DataLoaders, Optimizing Model Parameters).
"""

import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def run(x, y, epochs, hidden, batch_size):
    dataset = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
    widths = [x[0].size, *hidden, int(y.max()) + 1]
    layers = [nn.Flatten()]
    for width, units in zip(widths, widths[1:]):  # noqa: B905, RUF007
        layers += [nn.Linear(width, units), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    times = [time.perf_counter()]
    model.train()
    for _ in range(epochs):
        total = 0.0
        for batch_x, batch_y in loader:
            loss = loss_function(model(batch_x), batch_y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item() * len(batch_x)
        _ = total / len(dataset)
        times.append(time.perf_counter())
    return times
