"""Writes a prepared set again with other columns, for scripts that change objects of one."""

import h5py


def write(path, source, columns):
    """All of the open prepared set `source` into the new file `path`, with `columns` in place of its own."""
    with h5py.File(path, "w") as out:
        for k, v in source.attrs.items():
            out.attrs[k] = v
        for k in source:
            if k not in columns:
                source.copy(k, out)
            elif columns[k].dtype.kind == "O":
                out.create_dataset(k, data=columns[k], dtype=h5py.string_dtype("utf-8"))
            else:
                out.create_dataset(k, data=columns[k])
