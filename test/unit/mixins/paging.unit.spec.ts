import fc from "fast-check";
import { BadCursorError, ValidationError } from "../../../contracts/errors";
import { decodeCursor, encodeCursor, limitOf } from "../../../mixins/paging";

test("a cursor comes back as it was", () => {
  const part = fc.oneof(fc.string({ unit: "grapheme" }), fc.integer());
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      expect(decodeCursor(encodeCursor(...parts), parts.length)).toEqual(parts);
    }),
  );
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
        try {
          const parts = decodeCursor(text, 2);
          expect(parts).toHaveLength(2);
          for (const value of parts) expect(["string", "number"]).toContain(typeof value);
        } catch (error) {
          expect(error).toBeInstanceOf(BadCursorError);
        }
      },
    ),
  );
});

test("a page has 50 items, or 1 to 200", () => {
  expect(limitOf({})).toBe(50);
  expect(limitOf({ limit: "200" })).toBe(200);
  for (const limit of ["0", "201", "999999999"]) expect(() => limitOf({ limit })).toThrow(ValidationError);
});
