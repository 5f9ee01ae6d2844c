"""PyTorch, the plain loop with the model compiled, in the channels-last memory format.

From docs.pytorch.org: 'Introduction to torch.compile', 'Learn the Basics' (Datasets & DataLoaders,
Optimizing Model Parameters), 'Channels Last Memory Format in PyTorch'.
"""

import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def run(x, y, epochs, batch_size):
    # The rows lie in memory with the channels last already.
    images = torch.from_numpy(x).permute(0, 3, 1, 2)
    dataset = TensorDataset(images, torch.from_numpy(y))
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 5 * 5, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)
    compiled = torch.compile(model)
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    times = [time.perf_counter()]
    model.train()
    for _ in range(epochs):
        total = 0.0
        for batch_x, batch_y in loader:
            loss = loss_function(compiled(batch_x), batch_y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item() * len(batch_x)
        _ = total / len(dataset)
        times.append(time.perf_counter())
    return times
