import { ConfigError } from '@ogong/host/config/config-error';
import { readEvidence } from '@ogong/host/config/read-evidence';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { explainFile } from '@ogong/host/log/errors';
import { equalBytes, fromHex, ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import {
  listStatements,
  type SignedStatement,
  STATEMENT_MEMBERS,
  type StatementKind,
} from '@ogong/protocol/settlement/contradiction';
import { isLocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import { readReceiptFile } from '../receipt-file.ts';
import { readUserFile } from '../user-files.ts';

/** How such a file begins, see over-admission.ts. */
const ADMISSIONS_TAG = 'ogong-over-admission-v1';
const MAX_STATEMENTS = 16;
const SIGNATURE_SIZES: readonly number[] = [65, 308];

interface Source {
  readonly program: string;
  /** Domain of the escrow contract: a receipt of another ledger proves nothing here. */
  readonly ledger: LedgerDomain;
}

/**
 * Reads signed statements of validators from one file. It is a receipt (also by its address), admissions that a provider exported, or
 * statements in the form of docs/spec/cases.md. @throws ConfigError that names the file
 */
export async function readSignedStatements(
  { program, ledger }: Source,
  source: string,
): Promise<readonly SignedStatement[]> {
  const fail = (why: string): never => {
    throw new ConfigError(program, [`${source}: ${why}`]);
  };
  try {
    const bytes = /^https?:\/\//.test(source) ? undefined : readUserFile(source);
    if (bytes?.subarray(0, ADMISSIONS_TAG.length).toString('latin1') === ADMISSIONS_TAG) {
      return readEvidence(program, source).orders.flatMap((told) => listStatements(nodeCrypto, ledger, told));
    }
    const fields = bytes === undefined ? undefined : (parseJson(new Uint8Array(bytes)) as Record<string, unknown>);
    if (fields instanceof Object && 'statements' in fields) return readShown(fields, fail);
    const { receipt } = await readReceiptFile(source);
    if (isLocalReceipt(receipt)) return fail('a local answer has no validator');
    const { chainId, verifyingContract } = receipt.ledger;
    if (chainId !== ledger.chainId || !equalBytes(verifyingContract, ledger.verifyingContract)) {
      return fail('it is of another ledger than --deployment names');
    }
    const { order, admission, record, intake } = receipt;
    const taken = intake && { record: record.bytes, intake };
    return listStatements(nodeCrypto, ledger, { order: order.bytes, admission, taken });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (!(error instanceof ProtocolError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    if (!(error instanceof ProtocolError)) return fail(explainFile(error));
    return fail(
      `it is no receipt, no file of admissions and no file of statements: ${explainFile(error).replace(`${source}: `, '')}`,
    );
  }
}

function readShown(
  { kind, accused, statements }: Readonly<Record<string, unknown>>,
  fail: (why: string) => never,
): SignedStatement[] {
  if (typeof kind !== 'string' || !Object.hasOwn(STATEMENT_MEMBERS, kind))
    return fail(`kind is one of ${Object.keys(STATEMENT_MEMBERS).join(', ')}`);
  const known = kind as StatementKind;
  const readHex = (name: string, value: unknown, sizes: readonly number[]): Uint8Array =>
    typeof value === 'string' && /^0x(?:[0-9a-f]{2})+$/i.test(value) && sizes.includes(value.length / 2 - 1)
      ? fromHex(value.slice(2).toLowerCase())
      : fail(`${name} is 0x and ${sizes.join(' or ')} bytes in hexadecimal digits`);
  if (!Array.isArray(statements) || statements.length > MAX_STATEMENTS)
    return fail(`statements is a list of at most ${MAX_STATEMENTS}`);
  return statements.map((one: unknown) => {
    const { members, signature, time } = (one ?? {}) as Record<string, unknown>;
    if (!Number.isSafeInteger(time) || (time as number) < 0)
      return fail('time is in seconds since 1970: one at which the key signed for the account');
    return {
      ...{ kind: known, accused: readHex('accused', accused, [20]), timesMs: [(time as number) * 1_000] },
      members: readHex('members', members, [32 * STATEMENT_MEMBERS[known]]),
      signature: readHex('signature', signature, SIGNATURE_SIZES),
    };
  });
}
