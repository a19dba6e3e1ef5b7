import { type AppealSubject, FREEZE_PERIOD_S, nameSubject } from '@ogong/chain/cases';
import type { ChainClient } from '@ogong/chain/client';
import type { Hex } from '@ogong/chain/hex';
import { ConfigError } from '@ogong/host/config/config-error';
import { hex, integer } from '@ogong/host/config/values';

/** What an appeal is against: one of them. */
export const subjectFields = {
  case: { schema: integer(), description: 'number of a case, as `ogong case list` has it' },
  provider: { schema: hex(32), description: 'id of a provider that was ejected' },
  payee: { schema: hex(20), description: 'account, without 0x, of whose stake penalties hold some' },
  freeze: { schema: hex(32), description: 'id of a provider whose earnings a panel shall freeze for a week' },
} as const;

/** Which one of several of the same. */
export const numberFields = {
  number: {
    schema: integer({ min: 1, max: 0xffff_ffff }),
    description: 'with --provider or --payee: which ejection, or which penalty. Default: the last one',
  },
  period: {
    schema: integer(),
    description: 'with --freeze: the day, counted from 1970, on which the panel was asked for. Default: today',
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
  return payee === undefined ? `a freeze of provider ${freeze?.slice(0, 16)}` : `what penalties hold of 0x${payee}`;
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
