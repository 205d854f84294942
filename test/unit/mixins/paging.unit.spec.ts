import fc from "fast-check";
import { BadCursorError, ValidationError } from "../../../contracts/errors";
import { decodeCursor, encodeCursor, limitOf } from "../../../mixins/persistence/paging";

test("a cursor comes back as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer(), (text, number) => {
      const cursor = encodeCursor("orders", text, number);
      expect(decodeCursor(cursor, "orders", ["string", "number"])).toEqual([text, number]);
    }),
  );
});

test.each<[string, string, ("string" | "number")[]]>([
  ["another list's", encodeCursor("plans", "a", "b"), ["string", "string"]],
  ["one of other types", encodeCursor("orders", 1, 2), ["string", "string"]],
  ["one of fewer parts", encodeCursor("orders", "a"), ["string", "string"]],
  ["one of more parts", encodeCursor("orders", "a", "b", "c"), ["string", "string"]],
])("given %s, then the cursor is refused", (_what, cursor, types) => {
  expect(() => decodeCursor(cursor, "orders", types)).toThrow(BadCursorError);
});

test("whatever else is given as a cursor is refused, and nothing else happens", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.json().map((json) => Buffer.from(json).toString("base64url")),
      ),
      (text) => {
        expect(() => decodeCursor(text, "orders", ["string", "string"])).toThrow(BadCursorError);
      },
    ),
  );
});

test("a page has 50 items, or 1 to 200", () => {
  expect(limitOf({})).toBe(50);
  expect(limitOf({ limit: "200" })).toBe(200);
  for (const limit of ["0", "201", "999999999"]) expect(() => limitOf({ limit })).toThrow(ValidationError);
});
