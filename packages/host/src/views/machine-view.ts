import type { RegisteredMachine } from '@ogong/chain/registry/machines';
import { equalBytes, fromHex } from '@ogong/protocol/base/bytes';

/**
 * Explains why the registry on the chain gives a provider's machine no traffic, or returns undefined. Until a reading is renewed, the time
 * of the reader counts too.
 * @param attestedKey the key with which the machine signs now; undefined if nobody asked it.
 */
export function findEntryProblem(
  entry: RegisteredMachine | undefined,
  attestedKey: Uint8Array | undefined,
  nowMs: number,
): string | undefined {
  if (entry === undefined) return 'no machine of this provider is entered in the registry';
  if (entry.until * 1_000n <= BigInt(Math.floor(nowMs)))
    return `the registry's entry of its machine ended at ${new Date(Number(entry.until) * 1_000).toISOString()}`;
  if (!entry.isGood) return 'its machine is revoked, or its entry has ended';
  if (attestedKey !== undefined && !equalBytes(fromHex(entry.signingKey.slice(2)), attestedKey))
    return 'the registry has another key of its machine';
  return undefined;
}
