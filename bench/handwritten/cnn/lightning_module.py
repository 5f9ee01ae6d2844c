"""Lightning 2: a `LightningModule`, and a `Trainer` that neither logs nor saves.

From lightning.ai: 'Lightning in 15 minutes', 'Logging' (`on_epoch`), 'Speed Up Model Training',
and the reference of `Trainer`.
"""

import time

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Cnn(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
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
        )

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class EpochTimes(L.Callback):
    def on_train_start(self, trainer, module):
        self.times = [time.perf_counter()]

    def on_train_epoch_end(self, trainer, module):
        self.times.append(time.perf_counter())


def run(x, y, epochs, batch_size):
    # The rows lie in memory with the channels last already.
    images = torch.from_numpy(x).permute(0, 3, 1, 2)
    dataset = TensorDataset(images, torch.from_numpy(y))
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
    model = Cnn().to(memory_format=torch.channels_last)
    times = EpochTimes()
    trainer = L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[times],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, loader)
    _ = float(trainer.callback_metrics["train_loss"])
    return times.times
