import { type AttestedRecord, checkRecordMachine, type MachineReader } from '@ogong/attestation/machine-check';
import type { Check } from '@ogong/protocol/base/checks';
import { requireEvidence } from '@ogong/protocol/tier/admission';
import { attestationPart, MACHINE_CHECK } from '@ogong/protocol/tier/attestation';
import type { OwnEvidence } from '@ogong/protocol/tier/tier';

/** Makes every check of a record's machine, even if the first one fails. @param part of the record's tier */
export async function checkAttestedRecord(
  held: AttestedRecord,
  reader: MachineReader,
  part: OwnEvidence = attestationPart,
): Promise<Check[]> {
  const shown = { ...held, evidence: { [part.name]: held.attestation } };
  const made = await requireEvidence([part])({ ...reader }, shown);
  return [...made.filter(({ id }) => id !== MACHINE_CHECK), ...(await checkRecordMachine(held, reader))];
}
