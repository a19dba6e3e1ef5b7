import { readFileSync } from 'node:fs';
import type { NetworkParameters } from '@ogong/chain/client';
import { type Address, type Hex, toAddress, toHex } from '@ogong/chain/hex';
import type { ParameterChange } from '@ogong/chain/validators/government';
import { ConfigError } from '@ogong/host/config/config-error';
import { explainFile } from '@ogong/host/log/errors';
import { z } from 'zod';
import { shareFields } from './share-fields.ts';

const MAX_BYTES = 64 * 1024;

const rate = z.int().min(0).max(4_000_000);
const seconds = z.int().min(0).max(0xffff_ffff);
const atomic = z
  .string()
  .regex(/^\d{1,39}$/)
  .transform(BigInt);
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text): Address => toAddress(text as Hex, 'address'));
const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform((text): Hex => toHex(text as Hex, 'hash', 32));

/** An absent field stays as it is. */
const changes = z.strictObject({
  shares: shareFields.optional(),
  recipients: z.strictObject({ verification: address, treasury: address, license: address }).partial().optional(),
  limits: z
    .strictObject({
      ...{ alpha: z.int().min(0).max(1_000_000), withdrawalDelay: seconds, unbondingDelay: seconds },
      ...{ minimumValidatorBond: atomic, minimumRouterBond: atomic, minimumVerifierStake: atomic },
    })
    .partial()
    .optional(),
  driftTable: z.strictObject({ hash, version: z.int().min(1).transform(BigInt) }).optional(),
  tests: z
    .strictObject({
      canaryRate: rate,
      timedRate: rate,
      slowestRate: z.int().min(1).max(1_000_000),
    })
    .partial()
    .optional(),
  work: z.strictObject({ bits: z.int().min(0).max(40), epochs: z.int().min(0).max(1_000_000) }).optional(),
  guardian: address.optional(),
});

type Changes = z.infer<typeof changes>;

/** @throws ConfigError that names the field */
export function readParameterChanges(program: string, path: string): Changes {
  let input: unknown;
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > MAX_BYTES) throw new SyntaxError('it is too long');
    input = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(program, [`--changes ${path}: ${explainFile(error)}`]);
  }
  const parsed = changes.safeParse(input);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path: at, message }) => `--changes ${path}: ${at.join('.')}: ${message}`);
    throw new ConfigError(program, issues);
  }
  if (Object.keys(parsed.data).length === 0) throw new ConfigError(program, [`--changes ${path}: it changes nothing`]);
  return parsed.data;
}

/** Completes a change with the values in force. */
export function completeChange(
  { shares, recipients, limits, driftTable, tests, work, guardian }: Changes,
  present: NetworkParameters,
): ParameterChange {
  const distribution = { shares: { ...present.shares }, recipients: { ...present.recipients } };
  assign(distribution.shares, shares);
  assign(distribution.recipients, recipients);
  const nextLimits = { ...present.limits };
  assign(nextLimits, limits);
  const nextTests = { ...present.tests };
  assign(nextTests, tests);
  return {
    ...((shares || recipients) && { distribution }),
    ...(limits && { limits: nextLimits }),
    ...(driftTable && { driftTable }),
    ...(tests && { tests: nextTests }),
    ...(work && { work }),
    ...(guardian && { guardian }),
  };
}

function assign<T extends object>(target: T, source: { readonly [K in keyof T]?: T[K] | undefined } | undefined): void {
  for (const [name, value] of Object.entries(source ?? {}))
    if (value !== undefined) Object.assign(target, { [name]: value });
}
