"""Agent adapters, one file each. A module's ``load(agent, tools, folder)`` gives the Agent that the config names."""
