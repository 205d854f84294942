/**
 * The last turn of the refresh token, as all tabs see it. localStorage reaches other tabs late, so a tab
 * could take a token from it that its sibling has just spent, which ends the session for both; IndexedDB's
 * transactions are seen at once.
 */

const STORE = "rotation";
const KEY = "last";

/** `{spent, state}`: the refresh token that was used up, and the session that came of it; or undefined. */
export const lastRotation = () => inStore("readonly", (store) => store.get(KEY));

/** Resolves when every tab can see it. */
export const keepRotation = (spent, state) =>
  inStore("readwrite", (store) => store.put({ spent, state }, KEY));

export const forgetRotation = () => inStore("readwrite", (store) => store.delete(KEY));

/** Where there is no IndexedDB (some private windows), localStorage alone has to do. */
async function inStore(mode, work) {
  try {
    const database = await open();
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    }).finally(() => database.close());
  } catch {
    return undefined;
  }
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("hub", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
