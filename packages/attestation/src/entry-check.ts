import { equalBytes } from '@ogong/protocol/base/bytes';
import { type Check, check, fail } from '@ogong/protocol/base/checks';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { computeMachineNonce, type MachineEntry } from '@ogong/protocol/machine/machine-entry';
import { parseEvidence } from './evidence-file.ts';
import { checkMachine, type MachineReader } from './machine-check.ts';
import { nameMachine } from './machine-name.ts';

export interface PublishedEntry {
  readonly entry: MachineEntry;
  /** JSON, as it was published. */
  readonly evidence: Uint8Array;
  /** Of the escrow, which machines report. */
  readonly ledger: LedgerDomain;
  /** Value of the entry's epoch, 32 bytes. */
  readonly beacon: Uint8Array;
}

/**
 * An entry of the registry of machines, checked again by anyone: `published-evidence`, `entry`, then `machine` and what it sums up.
 * Nothing throws.
 */
export async function checkEntry(
  { entry, evidence, ledger, beacon }: PublishedEntry,
  reader: MachineReader,
): Promise<Check[]> {
  const { crypto } = reader;
  const isPublished = equalBytes(crypto.sha256(evidence), entry.evidence);
  const published = check('published-evidence', isPublished, [
    `${evidence.length} bytes of evidence are those that the chain names`,
    'this is not the evidence that the chain names',
  ]);
  try {
    const { machine, image, platformKey } = await nameMachine(parseEvidence(evidence));
    const isSame =
      equalBytes(machine, entry.machine) &&
      equalBytes(image, entry.image) &&
      equalBytes(platformKey, entry.platformKey);
    const named = check('entry', isSame, [
      'machine and image are those that the chain names',
      'the chain names another machine, or another image',
    ]);
    const { providerId, signingKey: attestedKey, sealKey: sealKeyHash } = entry;
    const nonce = computeMachineNonce(crypto, { ...entry, beacon });
    const machineChecks = await checkMachine({ ledger, providerId, attestedKey, sealKeyHash, evidence, nonce }, reader);
    return [published, named, ...machineChecks];
  } catch (error) {
    return [published, fail('entry', (error as Error).message)];
  }
}
