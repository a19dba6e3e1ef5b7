import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import { writePublicFile } from '@ogong/host/files/private-files';
import type { Logger } from '@ogong/host/log/logger';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { readPayeeStatement, verifyProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { z } from 'zod';
import type { PayeeSigner } from './payee-statement.ts';

/** A statement of a payee whose key is on another machine, carried to the machine that serves (docs/spec/announcement.md). */
export interface CarriedStatement {
  readonly ledger: LedgerDomain;
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  /** PAYEE_STATEMENT_BYTES. */
  readonly word: Uint8Array;
}

const FORMAT = 'ogong-payee-word-v1';
const FILE_LIMIT = 4_096;
const hexOf = (bytes: number) => z.string().regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`));
const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  chainId: z.string().regex(/^[0-9]{1,20}$/),
  escrow: hexOf(20),
  provider: hexOf(32),
  payee: hexOf(20),
  /** For people; the statement says it, too. */
  validUntil: z.string().max(40),
  word: hexOf(73),
});

const show = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;
const untilOf = (word: Uint8Array): number => readPayeeStatement(word)?.validUntilMs ?? 0;

export function writeWordFile(path: string, { ledger, providerId, payee, word }: CarriedStatement): void {
  const content = {
    ...{ format: FORMAT, chainId: `${ledger.chainId}`, escrow: show(ledger.verifyingContract) },
    ...{ provider: show(providerId), payee: show(payee) },
    ...{ validUntil: new Date(untilOf(word)).toISOString(), word: show(word) },
  };
  writePublicFile(path, `${JSON.stringify(content, undefined, 2)}\n`);
}

export interface WordPlace {
  readonly path: string;
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  readonly providerId: Uint8Array;
  readonly nowMs: number;
}

/** @throws ConfigError if the file holds no valid statement of the payee that it names for this key on this network. */
export function readStatementFile(
  command: string,
  { path, crypto, ledger, providerId, nowMs }: WordPlace,
): { readonly payee: Uint8Array; readonly word: Uint8Array; readonly validUntilMs: number } {
  const refuse = (why: string): ConfigError => new ConfigError(command, [`--payee-word ${path}: ${why}`]);
  const found = parseFile(path, refuse);
  const network = `the escrow ${found.escrow} on chain ${found.chainId}`;
  if (found.chainId !== `${ledger.chainId}` || found.escrow !== show(ledger.verifyingContract)) {
    throw refuse(
      `it is for ${network}, and this provider serves ${show(ledger.verifyingContract)} on ${ledger.chainId}`,
    );
  }
  if (found.provider !== show(providerId))
    throw refuse(`it is for the provider ${found.provider}, and this one is ${show(providerId)}`);
  const [payee, word] = [fromHex(found.payee.slice(2), 20), fromHex(found.word.slice(2))];
  const validUntilMs = untilOf(word);
  if (validUntilMs <= nowMs)
    throw refuse(`it ended at ${new Date(validUntilMs).toISOString()}: bring one that \`ogong payee sign\` made later`);
  if (!verifyProviderPayee(crypto, ledger, { providerId, payee, payeeWord: word, untilMs: nowMs }))
    throw refuse(`${found.payee} did not sign it`);
  return { payee, word, validUntilMs };
}

function parseFile(path: string, refuse: (why: string) => ConfigError): z.infer<typeof fileSchema> {
  let text: string;
  try {
    if (statSync(path).size > FILE_LIMIT) throw refuse('it is larger than any such file');
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw refuse((error as Error).message);
  }
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch {
    throw refuse('it is no file that `ogong payee sign` made');
  }
}

const LOOK_MS = 60_000;
/** Time before the expiry at which the operator is warned. */
const WARN_MS = 2 * 86_400_000;

/**
 * Opens the statement of a payee elsewhere. A newer file in the place of the one before is taken within a minute, without a restart.
 * @throws ConfigError, see readStatementFile.
 */
export function openCarriedStatement(
  command: string,
  {
    clock,
    log,
    ...place
  }: Omit<WordPlace, 'nowMs'> & { readonly clock: Clock; readonly log: Pick<Logger, 'info' | 'warn'> },
): PayeeSigner {
  let current = readStatementFile(command, { ...place, nowMs: clock.nowMs() });
  const { payee } = current;
  let lookedMs = clock.nowMs();
  let said = '';

  function warn(fields: Record<string, unknown>, what: string): void {
    const key = what + current.validUntilMs;
    if (said !== key) log.warn(fields, what);
    said = key;
  }

  function look(nowMs: number): void {
    lookedMs = nowMs;
    try {
      const found = readStatementFile(command, { ...place, nowMs });
      if (!equalBytes(found.payee, payee)) {
        warn(
          { payee: show(found.payee) },
          'the statement file of the payee names another payee now: restart to serve for it',
        );
      } else if (found.validUntilMs !== current.validUntilMs) {
        current = found;
        log.info({ until: new Date(found.validUntilMs).toISOString() }, 'a new statement of the payee is in force');
      }
    } catch (err) {
      warn({ err }, 'the statement file of the payee cannot be used; the earlier statement stays until it expires');
    }
    const until = new Date(current.validUntilMs).toISOString();
    if (current.validUntilMs - nowMs < WARN_MS)
      warn({ until }, 'the statement of the payee expires soon: bring a new one');
  }

  return {
    payee,
    get() {
      const nowMs = clock.nowMs();
      if (Math.abs(nowMs - lookedMs) >= LOOK_MS) look(nowMs);
      return current.word;
    },
  };
}
