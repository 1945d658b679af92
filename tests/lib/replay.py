"""Recorders and replays: the stages of a pipeline around a recording."""

import json

from stage import Pipeline, Stage


class Recorder(Stage):
    """portolan-recorder beside a pipeline."""

    def __init__(self, pipeline, path, *options):
        super().__init__("recorder", pipeline.dir, *options, path)
        self.path = path

    def flush(self, source=0):
        """Until the file holds the world of that number."""
        self.wait_source(source)
        self.get("/debug/flush")


class Replay(Pipeline):
    """A pipeline whose watcher plays a recording, step by step by default."""

    def __init__(self, root, *files, speed="step", until=None, **options):
        root.mkdir()
        super().__init__(root, **options)
        files = [word for file in files for word in ("--replay", file)]
        until = ("--replay-until", until) if until else ()
        self.watcher = self.stages["watcher"] = Stage("watcher", self.dir, *files, "--replay-speed", speed,
                                                      *until)

    def place(self):
        return self.watcher.status()["replay"]

    def step(self, n=1):
        """Plays n more changes; where it is then. All stages have got there."""
        place = json.loads(self.watcher.get(f"/replay/step?n={n}"))
        self.settle_at(place["world"])
        return place

    def settle_at(self, world):
        for name in self.ORDER:
            if self.stages[name].running:
                self.stages[name].wait_source(world)
