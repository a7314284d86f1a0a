/** What governs, page by page, over real HTTP to the mock server. */
import { screen, waitFor, within } from "@testing-library/react";
import type { UserEvent } from "@testing-library/user-event";
import { expect, test } from "vitest";

import { createFakePolicies, createFakeVerification } from "@/mocks/create-fake-trust";
import { renderApp } from "@/mocks/render-app";

/** Buttons are enabled once it is known what the caller may do. */
async function press(user: UserEvent, button: HTMLElement) {
  await waitFor(() => expect(button).toBeEnabled());
  await user.click(button);
}

const card = (name: RegExp) => screen.findByRole("article", { name });

test("a request of one's own is shown, and cannot be approved", async () => {
  await renderApp("/approvals");
  const own = await card(/tag_version/);
  expect(within(own).getByRole("button", { name: "Approve" })).toBeDisabled();
  expect(own).toHaveTextContent("You asked for this, so somebody else has to approve it.");
});

test("an approval says yes to the hash that was shown, and leaves the inbox", async () => {
  const { user, state } = await renderApp("/approvals");
  await press(user, within(await card(/run_pipeline/)).getByRole("button", { name: "Approve" }));
  const dialog = await screen.findByRole("dialog");
  await press(user, within(dialog).getByRole("button", { name: "Approve" }));
  await expect.poll(() => state.approvals[0]?.state).toBe("granted");
  await expect.poll(() => screen.queryByRole("article", { name: /run_pipeline/ })).toBeNull();
});

test("an input that changed meanwhile is refused, with the reason in the dialog", async () => {
  const { user, state } = await renderApp("/approvals");
  const found = await card(/run_pipeline/);
  if (state.approvals[0]) state.approvals[0].input_hash = "0".repeat(64);
  await press(user, within(found).getByRole("button", { name: "Approve" }));
  const dialog = await screen.findByRole("dialog");
  await press(user, within(dialog).getByRole("button", { name: "Approve" }));
  expect(await within(dialog).findByRole("alert")).toHaveTextContent("input_changed");
});

test("a denial needs a reason", async () => {
  const { user, state } = await renderApp("/approvals");
  await press(user, within(await card(/run_pipeline/)).getByRole("button", { name: "Deny" }));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByRole("button", { name: "Deny" })).toBeDisabled();
  await user.type(within(dialog).getByLabelText(/Reason/), "not today");
  await press(user, within(dialog).getByRole("button", { name: "Deny" }));
  await expect.poll(() => state.approvals[0]?.votes[0]?.reason).toBe("not today");
});

test("the page of a run that waits shows the same card", async () => {
  const { state } = await renderApp(`/runs/00000000-0000-4000-8000-000000000006`);
  expect(await card(/run_pipeline/)).toHaveTextContent(state.approvals[0]?.input_hash ?? "none");
});

test("a version is activated only after its replay, and changed decisions have to be meant", async () => {
  const { user, state } = await renderApp("/policies/1", (made) => {
    made.policies.unshift(
      createFakePolicies({ version: 1, state: "tested", tested_at: new Date().toISOString() }),
    );
  });
  const activate = await screen.findByRole("button", { name: "Activate" });
  expect(activate).toBeDisabled();
  await press(user, screen.getByRole("button", { name: "Replay" }));
  const changed = await screen.findByRole("table", { name: "Changed decisions" });
  expect(within(changed).getAllByRole("row")).toHaveLength(2);
  expect(activate).toBeDisabled();
  await press(user, screen.getByRole("checkbox"));
  await press(user, activate);
  const dialog = await screen.findByRole("dialog");
  await user.type(within(dialog).getByLabelText(/Reason/), "stricter");
  await press(user, within(dialog).getByRole("button", { name: "Activate" }));
  await expect.poll(() => state.policies[0]?.state).toBe("active");
});

test("a policy is checked while it is typed, and cannot be kept while it is wrong", async () => {
  const { user } = await renderApp("/policies/edit");
  const editor = await screen.findByLabelText("Policies", { selector: "textarea" });
  await screen.findByText("valid");
  await user.clear(editor);
  await user.type(editor, '@id("reads") nothing');
  expect(await screen.findByRole("alert")).toHaveTextContent("unknown action");
  expect(screen.getByRole("button", { name: "Keep draft" })).toBeDisabled();
  expect(editor).toBeInvalid();
});

test("a chain that does not hold names its first bad row", async () => {
  const { user } = await renderApp("/audit", (made) => {
    made.verification = createFakeVerification({
      holds: false,
      entries: 6,
      fault: { what: "the entry is not what was hashed", position: 7, entry_id: 12 },
    });
  });
  await press(user, await screen.findByRole("button", { name: "Verify" }));
  expect(await screen.findByText(/First bad row/)).toHaveTextContent(
    "position 7, entry 12. the entry is not what was hashed",
  );
});

test("everything is stopped with a reason, says so on every page, and is released", async () => {
  const { user, state } = await renderApp("/guards");
  await press(user, await screen.findByRole("button", { name: "Stop everything" }));
  const dialog = await screen.findByRole("dialog");
  await user.type(within(dialog).getByLabelText(/Reason/), "something is wrong");
  await press(user, within(dialog).getByRole("button", { name: "Stop every agent" }));
  expect(await screen.findByText("Every agent is stopped", { selector: "strong" })).toBeVisible();
  await press(user, screen.getByRole("button", { name: "Release every agent" }));
  await press(user, within(await screen.findByRole("dialog")).getByRole("button", { name: "Release" }));
  await expect.poll(() => state.killSwitches).toEqual([]);
});

test("a decision shows what was asked, whole", async () => {
  const { user } = await renderApp("/decisions");
  const [wish] = await screen.findAllByRole("button", { name: "ci.run_pipeline" });
  if (wish) await press(user, wish);
  const drawer = await screen.findByRole("dialog");
  expect(await within(drawer).findByLabelText("resource")).toHaveTextContent("name: shop");
});
