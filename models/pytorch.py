"""A trained network in PyTorch: reads MODEL.h5 as it is and runs its definition layer by layer.

    from pytorch import Model
    net = Model("moled.h5")
    image = net(inputs)          # inputs: {"image": (n, c, y, x), "params": (n, p, 1, 1), ...}

    python3 models/pytorch.py MODEL.h5 TENSORS.h5

compares with what the program itself computed; TENSORS.h5 is written by
`precess predict MODEL.h5 --tensors TENSORS.h5`. Needs torch and h5py.
"""
import sys

import h5py
import torch
import torch.nn.functional as F


def options(words):
    """['filters', '8', 'relu'] -> {'filters': '8', 'relu': True}"""
    found, i = {}, 0
    while i < len(words):
        if words[i] == "relu":
            found["relu"] = True
            i += 1
        else:
            found[words[i]] = words[i + 1]
            i += 2
    return found


def dynconv(x, weights, filters, first):
    n, c, h, w = x.shape
    k = weights.reshape(n, -1)[:, first:first + filters * (c + 1)]
    matrix = k[:, :filters * c].reshape(n, filters, c)
    bias = k[:, filters * c:].reshape(n, filters, 1)
    return (torch.bmm(matrix, x.reshape(n, c, h * w)) + bias).reshape(n, filters, h, w)


def modulate(heads, waves):
    n, _, h, w = heads.shape
    heads = heads.reshape(n, -1, 2, h, w)
    waves = waves.reshape(n, -1, 2, h, w)
    waved, plain = heads[:, :waves.shape[1]], heads[:, waves.shape[1]:]
    re = waved[:, :, 0] * waves[:, :, 0] - waved[:, :, 1] * waves[:, :, 1]
    im = waved[:, :, 0] * waves[:, :, 1] + waved[:, :, 1] * waves[:, :, 0]
    return torch.stack([re.sum(1), im.sum(1)], 1) + plain.sum(1)


class Model(torch.nn.Module):
    def __init__(self, path):
        super().__init__()
        self.layers, self.output = [], None
        with h5py.File(path, "r") as f:
            text = f["definition"][()].decode()
            for name, value in f["weights"].items():
                self.register_parameter(name.replace(".", "_"),
                                        torch.nn.Parameter(torch.from_numpy(value[()])))
        for line in text.splitlines():
            words = line.split()
            if words[0] == "layer":
                kind, name = words[1], words[2]
                known = {"filters", "kernel", "first", "gain", "spread", "relu"}
                end = next((i for i in range(4, len(words)) if words[i] in known), len(words))
                self.layers.append((kind, name, words[4:end], options(words[end:])))
            elif words[0] == "output":
                self.output = words[1]

    def forward(self, inputs):
        value = dict(inputs)
        for kind, name, sources, o in self.layers:
            x = [value[s] for s in sources]
            if kind in ("conv2d", "linear"):
                weight = getattr(self, name + "_weight")
                bias = getattr(self, name + "_bias")
                if kind == "linear":
                    y = F.linear(x[0].flatten(1), weight.flatten(1), bias)[:, :, None, None]
                else:
                    y = F.conv2d(x[0], weight, bias, padding=weight.shape[-1] // 2)
            elif kind == "dynconv":
                y = dynconv(x[0], x[1], int(o["filters"]), int(o.get("first", 0)))
            elif kind == "maxpool2":
                y = F.max_pool2d(x[0], 2)
            elif kind == "upsample2":
                y = F.interpolate(x[0], scale_factor=2)
            elif kind == "concat":
                y = torch.cat(x, 1)
            elif kind == "modulate":
                y = modulate(x[0], x[1])
            elif kind == "add":
                y = x[0] + x[1]
            elif kind == "relu":
                y = F.relu(x[0])
            else:
                raise ValueError(f"layer {name}: unknown kind {kind}")
            value[name] = F.relu(y) if o.get("relu") else y
        return value[self.output]


def main(model, tensors):
    with h5py.File(tensors, "r") as f:
        inputs = {name: torch.from_numpy(v[()]) for name, v in f["inputs"].items()}
        expected = torch.from_numpy(f["output"][()])
    with torch.no_grad():
        found = Model(model)(inputs)
    worst = ((found - expected).abs().max() / expected.abs().max()).item()
    print(f"largest difference {worst:.2e} of the largest value")
    return 0 if worst < 1e-4 else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
