import type { ChainClient } from '@ogong/chain/client';
import type { Address } from '@ogong/chain/hex';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { computeGenesisPosition, verifyChain } from '@ogong/protocol/settlement/verdict-log';
import { retryWhile } from './polling.ts';
import type { Member, ValidatorLog } from './run-record.ts';

const pageSize = 500;
const PATIENCE_MS = 60_000;

export interface LogReading {
  readonly logs: readonly ValidatorLog[];
  /** Entries that validators hold and that no batch has settled yet. */
  readonly unsettled: number;
}

/** Reads every validator's verdict log, and checks it from its beginning to the head on the chain. */
export async function readVerdictLogs(
  members: readonly Member[],
  { chain, links, crypto }: { readonly chain: ChainClient; readonly links: LinkPool; readonly crypto: Crypto },
): Promise<LogReading> {
  const registered = await chain.validators();
  let unsettled = 0;
  const logs = await Promise.all(
    registered.map(async ({ account, endpoint, certHash }): Promise<ValidatorLog> => {
      const service = links.to(ValidatorService, { endpoint, certHash: fromHex(certHash.slice(2)) });
      const anchor = await chain.anchorOf(account);
      const entries: Uint8Array[] = [];
      for (let length = 1n; BigInt(entries.length) < length; ) {
        const from = BigInt(entries.length);
        const ask = () => service.listVerdicts({ from, limit: pageSize }, { timeoutMs: 10_000 });
        const page = await retryWhile(ask, isSilent, PATIENCE_MS);
        length = page.length;
        entries.push(...page.entries);
        if (page.entries.length === 0) break;
      }
      unsettled += entries.length - Number(anchor.logLength);
      const from = computeGenesisPosition(crypto, {
        chainId: BigInt(chain.deployment.chainId),
        settlement: fromHex(chain.deployment.settlement.slice(2)),
        validator: fromHex(account.slice(2)),
      });
      const expected =
        anchor.sequence === 0n ? from : { length: anchor.logLength, head: fromHex(anchor.logHead.slice(2)) };
      // Entries after the anchored head are not final.
      const verdict = verifyChain(crypto, { from, entries: entries.slice(0, Number(anchor.logLength)), expected });
      return {
        validator: nameOf(members, account),
        checks: verdict.checks,
        isAnchored: verdict.ok,
        entries: verdict.entries,
      };
    }),
  );
  return { logs, unsettled };
}

/** A daemon that is busy or starting does not answer. A refusal is an answer. */
const isSilent = (error: unknown): boolean =>
  error instanceof LinkError && error.retryable && error.refusal === undefined;

const nameOf = (members: readonly Member[], address: Address): string =>
  members.find((member) => member.address === address)?.name ?? address;
