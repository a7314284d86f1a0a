import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { COPIED_FOR_MS, CopyButton } from "./copy-button";
import { Modal } from "./modal";

test.each([
  ["a drawer closes", true],
  ["a form stays", false],
])("a click beside it: %s", async (_, side) => {
  const close = vi.fn();
  render(
    <Modal title="Something" side={side} onClose={close}>
      text
    </Modal>,
  );
  await userEvent.click(screen.getByRole("dialog"));
  expect(close).toHaveBeenCalledTimes(side ? 1 : 0);
});

test("copies out of a dialog without TLS too, and says where it could not", async () => {
  vi.stubGlobal("isSecureContext", false);
  const later = globalThis.setTimeout;
  const stays = (run: () => void, ms?: number) => later(run, ms === COPIED_FOR_MS ? 3_600_000 : ms);
  vi.stubGlobal("setTimeout", stays); // what the button says goes after a moment, which may be over by now
  let allowed = true;
  let copied: string | undefined;
  document.execCommand = () => {
    // What lies outside an open dialog cannot be selected.
    copied = screen.getByRole("dialog").querySelector("textarea")?.value;
    return allowed;
  };
  render(
    <Modal title="Something" onClose={() => undefined}>
      <CopyButton text="a secret" label="Copy secret" />
    </Modal>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Copy secret" }));
  expect(await screen.findByRole("button", { name: "Copied" })).toHaveFocus();
  expect(copied).toBe("a secret");
  allowed = false;
  await userEvent.click(screen.getByRole("button", { name: "Copied" }));
  expect(await screen.findByRole("button", { name: /does not allow/ })).toBeVisible();
  vi.unstubAllGlobals();
});
