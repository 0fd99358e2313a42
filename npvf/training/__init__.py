"""The parts that both training stages share: data, command, optimiser, moving averages."""
