import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { createFakeAgent, createFakeManifest } from "@/mocks/create-fake-agent";
import { renderApp } from "@/mocks/render-app";

test("a seventh agent gets its tab and its pages from its manifest alone", async () => {
  const manifest = createFakeManifest({
    id: "canary",
    title: "Canary",
    permissions: [{ name: "pager", reason: "wakes someone" }],
    queries: [
      {
        name: "songs",
        title: "Songs",
        description: "",
        timeout: "PT1S",
        cache: "PT0S",
        input_schema: { type: "object", properties: {} },
        output_schema: {},
      },
    ],
    panels: [
      {
        id: "songs",
        title: "Songs sung",
        kind: "json",
        query: "songs",
        input: { of: "today" },
        rows: null,
        columns: [],
      },
    ],
  });
  const { user } = await renderApp("/", (state) => state.agents.push(createFakeAgent({ manifest })));
  const navigation = await screen.findByRole("navigation", { name: "Main" });
  await user.click(await within(navigation).findByRole("link", { name: /Canary/ }));
  expect(await screen.findByText("wakes someone")).toBeVisible();
  expect(await screen.findByLabelText("Songs sung")).toHaveTextContent("of: today");
});

test("a problem is shown with its code and its correlation id", async () => {
  await renderApp("/runs/nothing-of-this-id");
  const alert = await screen.findByRole("alert");
  expect(screen.getByRole("heading", { level: 1 })).toHaveTextContent("Run");
  expect(alert).toHaveTextContent("there is nothing of this id");
  expect(alert).toHaveTextContent("not_found");
  expect(alert).toHaveTextContent("c0ffee00-0000-4000-8000-000000000000");
});

test("an empty stack says what to do next", async () => {
  await renderApp("/", (state) => {
    state.agents = [];
    state.runs = [];
  });
  expect(await screen.findByText("No agents are installed")).toBeVisible();
  expect(await screen.findByText("No runs yet")).toBeVisible();
});

test("a token that is refused leads to the login page, which says so and knows the way back", async () => {
  const { user } = await renderApp("/tokens");
  await screen.findByText("ci-reader");
  sessionStorage.setItem("opsrail.token", "revoked");
  await user.click(screen.getByRole("link", { name: "Artifacts" }));
  expect(await screen.findByText(/no longer accepted/)).toBeVisible();
  expect(window.location.search).toBe("?to=%2Fartifacts");
});
