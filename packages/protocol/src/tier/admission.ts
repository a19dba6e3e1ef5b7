import { type Check, fail } from '../base/checks.ts';
import { getPart } from './evidence-parts.ts';
import type { AdmittingParty, OwnEvidence, ShownRecord, Tier } from './tier.ts';

/** Returns the admission of a tier whose records must carry these parts; with none, every record is admitted. */
export const requireEvidence =
  (parts: readonly OwnEvidence[]): Tier['admit'] =>
  async (party, shown) => {
    const made = await Promise.all(parts.map((part) => admitPart(part, party, shown)));
    return made.flat();
  };

async function admitPart(
  part: OwnEvidence,
  { crypto, nowMs, readers }: AdmittingParty,
  shown: ShownRecord,
): Promise<readonly Check[]> {
  const { name, maxBytes, checks } = part;
  const failAll = (why: string): readonly Check[] => checks.map((id) => fail(id, why));
  const bytes = getPart(shown.evidence, name);
  if (bytes === undefined) return failAll(`the record carries no ${name}`);
  if (bytes.length > maxBytes) return failAll(`${name} has ${bytes.length} bytes, at most ${maxBytes}`);
  let made: readonly Check[];
  try {
    made = await part.verify(crypto, bytes, { order: shown.order, record: shown.record.record });
  } catch (error) {
    return failAll(`the ${name} cannot be read: ${(error as Error).message}`);
  }
  const left = checks.filter((id) => !made.some((check) => check.id === id));
  if (left.length > 0)
    return [...made, ...left.map((id) => fail(id, `the ${name} was read, but this check was not made`))];
  // A reader may query a registry, which is not worth it for evidence that has failed already.
  if (made.some(({ status }) => status === 'fail')) return made;
  const read = made.map(async (check) => {
    const reader = check.status === 'skip' ? readers?.get(check.id) : undefined;
    return reader === undefined ? [check] : reader(shown, bytes, nowMs);
  });
  return (await Promise.all(read)).flat();
}
