import type { ChainClient } from '@ogong/chain/client';
import type { Hex } from '@ogong/chain/hex';
import { type AppealSubject, FREEZE_PERIOD_S, nameSubject, type TakenPenalty } from '@ogong/chain/validators/cases';
import { ConfigError } from '@ogong/host/config/config-error';
import { hex, integer } from '@ogong/host/config/values';

/** Subject of an appeal: one of them. */
export const subjectFields = {
  case: { schema: integer(), description: 'number of a case, as `ogong case list` has it' },
  provider: { schema: hex(32), description: 'id of a provider that was ejected' },
  payee: { schema: hex(20), description: 'account, without 0x, with stake held by penalties' },
  freeze: { schema: hex(32), description: 'id of a provider whose earnings a panel shall freeze for a week' },
} as const;

/** Number of one of several of the same kind. */
export const numberFields = {
  number: {
    schema: integer({ min: 1, max: 0xffff_ffff }),
    description:
      'with --provider or --payee: number of the ejection or penalty, as `ogong case list --payee` has it. Default: the last ejection; the one penalty that was appealed against',
  },
  period: {
    schema: integer(),
    description: 'with --freeze: day of the request for the panel, counted from 1970. Default: today',
  },
} as const;

interface SubjectFlags {
  readonly case?: number | undefined;
  readonly provider?: string | undefined;
  readonly payee?: string | undefined;
  readonly freeze?: string | undefined;
  readonly number?: number | undefined;
  readonly period?: number | undefined;
}

/** @throws ConfigError unless exactly one is named, and nothing beside that is for another one */
export function assertOneSubject(program: string, flags: SubjectFlags): void {
  const { case: id, provider, payee, freeze, number, period } = flags;
  const named = [id, provider, payee, freeze].filter((one) => one !== undefined);
  if (named.length !== 1) throw new ConfigError(program, ['give one of --case, --provider, --payee and --freeze']);
  if (number !== undefined && provider === undefined && payee === undefined)
    throw new ConfigError(program, ['--number: an ejection or a penalty has one; give it with --provider or --payee']);
  if (period !== undefined && freeze === undefined) throw new ConfigError(program, ['--period: give it with --freeze']);
}

/** Of one subject ({@link assertOneSubject}). @param now seconds since 1970 */
export function toSubject({ case: id, provider, payee, freeze, period }: SubjectFlags, now: bigint): AppealSubject {
  if (id !== undefined) return { case: id };
  if (provider !== undefined) return { ejected: `0x${provider}` };
  if (payee !== undefined) return { penalized: `0x${payee}` };
  return { freeze: `0x${freeze}`, period: period ?? Math.floor(Number(now) / FREEZE_PERIOD_S) };
}

export function describeSubject({ case: id, provider, payee, freeze }: SubjectFlags): string {
  if (id !== undefined) return `case ${id}`;
  if (provider !== undefined) return `the ejection of provider ${provider.slice(0, 16)}`;
  return payee === undefined
    ? `a freeze of provider ${freeze?.slice(0, 16)}`
    : `the stake that penalties hold of 0x${payee}`;
}

/** The name of its hearing. @param number of the ejection or penalty. Default: the last one */
export async function readHearingName(
  client: Pick<ChainClient, 'ejectionOf' | 'heldPenaltyOf'>,
  subject: AppealSubject,
  number?: number,
): Promise<Hex> {
  if ('ejected' in subject) return nameSubject(subject, number ?? (await client.ejectionOf(subject.ejected)).count);
  if ('penalized' in subject)
    return nameSubject(subject, number ?? (await client.heldPenaltyOf(subject.penalized)).penalty);
  return nameSubject(subject);
}

/** A held penalty, and the result of an appeal against it. */
export interface AppealablePenalty extends TakenPenalty {
  /** Of its hearing. */
  readonly subject: Hex;
  readonly isAppealed: boolean;
  /** Empty until it is drawn. */
  readonly panel: readonly Hex[];
}

type PenaltyReads = Pick<ChainClient, 'penaltiesOf' | 'hearingOf' | 'heldPenaltyOf' | 'appealDepositOf'>;

export async function listHeldPenalties(
  client: Pick<PenaltyReads, 'penaltiesOf' | 'hearingOf'>,
  payee: Hex,
): Promise<readonly AppealablePenalty[]> {
  return Promise.all(
    (await client.penaltiesOf(payee)).map(async (one) => {
      const subject = nameSubject({ penalized: payee }, one.penalty);
      const { drawnFrom, panel } = await client.hearingOf(subject);
      return { ...one, subject, isAppealed: drawnFrom > 0n, panel };
    }),
  );
}

/** The newest ones that a deposit is looked for behind: a day has five at most. */
const LOOKED_AT = 200;

/**
 * Chooses the number of the penalty if none was given: the only one that the verb concerns.
 * @param verb `draw`: held, and appealed against; `forfeit`: with a deposit. @throws ConfigError if there are several
 */
export async function choosePenalty(
  program: string,
  client: PenaltyReads,
  { payee, verb }: { readonly payee: Hex; readonly verb: 'draw' | 'forfeit' },
): Promise<number | undefined> {
  const found = verb === 'draw' ? await listAppealed(client, payee) : await listWithDeposit(client, payee);
  if (found.length < 2) return found[0];
  throw new ConfigError(program, [
    `penalties ${found.join(', ')} of ${payee} were appealed against: say which by --number; \`ogong case list --payee ${payee.slice(2)}\` shows them`,
  ]);
}

/** Lists penalties whose panel is still to be drawn. */
async function listAppealed(client: PenaltyReads, payee: Hex): Promise<number[]> {
  const appealed = (await listHeldPenalties(client, payee)).filter(({ isAppealed }) => isAppealed);
  const undrawn = appealed.filter(({ panel }) => panel.length === 0);
  return (undrawn.length > 0 ? undrawn : appealed).map(({ penalty }) => penalty);
}

async function listWithDeposit(client: PenaltyReads, payee: Hex): Promise<number[]> {
  const { penalty: last } = await client.heldPenaltyOf(payee);
  const first = Math.max(1, last - LOOKED_AT + 1);
  const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const amounts = await Promise.all(
    numbers.map((number) => client.appealDepositOf(nameSubject({ penalized: payee }, number))),
  );
  return numbers.filter((_, i) => (amounts[i]?.amount ?? 0n) > 0n);
}
