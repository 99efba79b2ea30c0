// Replaces the parts of the page marked data-live whenever the explorer says that something changed.
// Without this script the pages are the same, as of the moment they were loaded.
"use strict";
(() => {
  if (!("EventSource" in window) || !document.body.hasAttribute("data-follow")) return;
  const PAUSE_MS = 100;
  const note = document.getElementById("live-state");
  let busy = false;
  let again = false;

  const say = (text) => {
    if (note.textContent !== text) note.textContent = text;
  };

  const inUse = (part) =>
    part.contains(document.activeElement) ||
    (!getSelection().isCollapsed && getSelection().containsNode(part, true));

  // What a reader has opened stays open, and what was scrolled stays where it is.
  function replace(part, other) {
    const opened = part.querySelectorAll("details");
    other.querySelectorAll("details").forEach((each, at) => {
      if (opened[at]) each.open = opened[at].open;
    });
    if (other.innerHTML === part.innerHTML) return;
    const places = [...part.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
    part.replaceWith(other);
    other.querySelectorAll(".scroll").forEach((each, at) => {
      if (places[at]) [each.scrollLeft, each.scrollTop] = places[at];
    });
  }

  async function refresh() {
    if (busy || document.hidden) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const other = fresh.getElementById(part.id);
        if (other && !inUse(part)) replace(part, other);
      }
      say("live");
    } catch {
      say("not live: the explorer does not answer");
    }
    setTimeout(() => {
      busy = false;
      if (again) refresh();
    }, PAUSE_MS);
  }

  const changes = new EventSource("/events");
  changes.addEventListener("change", refresh);
  changes.addEventListener("open", refresh);
  changes.addEventListener("error", () => say("not live: the explorer does not answer"));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && again) refresh();
  });
})();
