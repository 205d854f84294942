import fc from "fast-check";
import { paceOf } from "../../../services/audit/redrives";

test.each([
  [1, { messages: 1, ms: 1_000 }],
  [3, { messages: 1, ms: 334 }],
  [20, { messages: 4, ms: 200 }],
  [1_000, { messages: 200, ms: 200 }],
])("%i messages a second go in rounds of %j", (perSecond, pace) => {
  expect(paceOf(perSecond)).toEqual(pace);
});

test("no pace sends more than was allowed", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), (perSecond) => {
      const { messages, ms } = paceOf(perSecond);
      return messages >= 1 && (1_000 / ms) * messages <= perSecond;
    }),
  );
});
