import { editsOf, mergePatch } from "../../../domain/edits";

describe("what was edited", () => {
  test.each([
    ["nothing", { a: 1, b: [1] }, { a: 1, b: [1] }, []],
    ["a value deep down", { a: { b: 1 } }, { a: { b: 2 } }, [{ pointer: "/a/b", before: 1, after: 2 }]],
    ["a field that came", {}, { a: null }, [{ pointer: "/a", after: null }]],
    ["a field that went", { a: 1 }, {}, [{ pointer: "/a", before: 1 }]],
    ["an item of a list", [1, 2], [1, 3], [{ pointer: "/1", before: 2, after: 3 }]],
    ["a list for an object", { a: {} }, { a: [] }, [{ pointer: "/a", before: {}, after: [] }]],
    ["the whole", "text", { a: 1 }, [{ pointer: "", before: "text", after: { a: 1 } }]],
    ["a name with signs", { "a/b~": 1 }, { "a/b~": 2 }, [{ pointer: "/a~1b~0", before: 1, after: 2 }]],
  ])("%s", (_, before, after, edits) => {
    expect(editsOf(before, after)).toEqual(edits);
  });
});

describe("a merge patch", () => {
  test("sets, adds, takes away, and leaves the rest and the original as they are", () => {
    const target = { a: 1, b: { c: 1, d: 2 }, e: [1] };
    expect(mergePatch(target, { b: { c: 3, d: null }, e: [2, 3], f: { g: 1 } })).toEqual({
      a: 1,
      b: { c: 3 },
      e: [2, 3],
      f: { g: 1 },
    });
    expect(target).toEqual({ a: 1, b: { c: 1, d: 2 }, e: [1] });
  });

  test("replaces what is no object", () => {
    expect(mergePatch("text", { a: 1 })).toEqual({ a: 1 });
    expect(mergePatch({ a: 1 }, [2])).toEqual([2]);
  });
});
