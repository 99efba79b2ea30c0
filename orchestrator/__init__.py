"""From a configuration to a running testbed: the plan, the engines that carry it out, the commands."""
