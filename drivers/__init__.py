"""The serial-port layer: lock boards, the doors behind them, scanners. Nothing of packages."""
