"""The engines, each in a file that nothing but `orchestrator.engine` imports."""
