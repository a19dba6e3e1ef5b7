const PLACE = 'ogong-machine-policy';

type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Returns the policy for machines that the user gave to this browser, as JSON. */
export const loadPolicy = (storage: Storage): string | undefined => storage.getItem(PLACE) ?? undefined;

/** A browser without room keeps no policy: the tab still has it. */
export function savePolicy(storage: Storage, policy: string | undefined): void {
  try {
    if (policy === undefined) storage.removeItem(PLACE);
    else storage.setItem(PLACE, policy);
  } catch {
    // The tab has it still.
  }
}
