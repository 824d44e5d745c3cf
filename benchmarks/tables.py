"""The tables that the bench prints."""

from statistics import median

from benchmarks import playground, startup


def ratios(rows, name, baseline):
    """Return the ratio of two contenders' rates, one per round; empty if one has no rates."""
    pair = (rows.get(key, {}).get("rates", []) for key in (name, baseline))
    return [rate / of_baseline for rate, of_baseline in zip(*pair, strict=False)]


def format_spread(values, digits=2):
    low, middle, high = (f"{f(values):.{digits}f}" for f in (min, median, max))
    return f"{middle} ({low}–{high})"


def print_table(rows):
    """Print rows of cells in columns; the first column is aligned left, the others right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())


def show_rates(title, module, rows_by_size, unit="characters"):
    """Print one line per contender with one column per size, and the problems below."""
    print(f"\n{title}: ratio to plain, median (least–most); in brackets plain's {unit}/s\n")
    lines, notes = [["", "code", *(str(module.SIZES[size]) for size in rows_by_size)]], []
    names = dict.fromkeys(name for rows in rows_by_size.values() for name in rows)
    for name in names:
        contender = module.CONTENDERS[name]
        line = [contender.label, contender.code]
        for size, rows in rows_by_size.items():
            row = rows.get(name, {"problem": "–"})
            if "problem" in row:
                line.append(row["problem"].split(":")[0])
                if row["problem"].startswith(("died", "DIFFERS")):
                    notes.append(f"{contender.label}, {size}: {row['problem']}")
            elif name == "plain" or not ratios(rows, name, "plain"):
                line.append(f"[{median(row['rates']) / 1000:.3g}k]" if row["rates"] else "–")
            else:
                line.append(format_spread(ratios(rows, name, "plain")))
        lines.append(line)
    print_table(lines)
    if notes:
        print("\n" + "\n".join(notes))


def show_startup(rows):
    print("\nWhole processes: median (least–most)\n")
    lines, notes = [["", "seconds", "CPU seconds", "torch"]], []
    for name, row in rows.items():
        command = startup.COMMANDS[name]
        if "problem" in row:
            lines.append([command.label, row["problem"].split(":")[0], "–", "–"])
            notes.append(f"{command.label}: {row['problem']}")
            continue
        torch = "yes" if row["torch"] else "no"
        lines.append(
            [command.label, format_spread(row["seconds"]), format_spread(row["cpu"]), torch]
        )
    print_table(lines)
    if notes:
        print("\n" + "\n".join(notes))


def show_milliseconds(rows):
    print("\nThe playground: milliseconds, median (least–most)\n")
    print_table(
        [
            [label, row["problem"] if "problem" in row else format_spread(row["milliseconds"], 1)]
            for label, row in ((playground.LABELS[name], row) for name, row in rows.items())
        ]
    )
