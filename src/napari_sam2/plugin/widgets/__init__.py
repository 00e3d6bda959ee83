"""The parts of the dock widget: each shows a piece of the state and sends user actions down."""
