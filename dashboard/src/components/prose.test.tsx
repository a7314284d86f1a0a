import { render } from "@testing-library/react";
import { expect, test } from "vitest";

import { Prose } from "./prose";

test("lines of a paragraph are joined; paragraphs and lists stay", () => {
  const { container } = render(<Prose text={"It runs\n`this` again.\n\nThen:\n- one\n- two"} />);
  expect(container.textContent).toBe("It runs this again.\n\nThen:\n- one\n- two");
  expect(container.querySelector("code")).toHaveTextContent("this");
});
