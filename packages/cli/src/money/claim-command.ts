import type { ChainClient } from '@ogong/chain/client';
import type { Address, Hex } from '@ogong/chain/hex';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, decimal, hex, oneOf } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { computeTally } from '@ogong/host/views/emission-view';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { computeEmissionClaim, computeEmissionProof } from '@ogong/protocol/settlement/emission';
import { act, actionFields } from './act.ts';
import { unitsOf } from './amount.ts';
import { askEmissionClaims } from './ask-emission.ts';
import { claimMints } from './claim-mints.ts';
import { creditCosigned, findCosigned } from './cosigned.ts';
import type { EmissionClaim } from './emission-claim.ts';
import { describeNextEpoch, takeIntoEpoch } from './epoch-room.ts';

type EmissionReads = Pick<ChainClient, 'allotments' | 'emissionState' | 'hasClaimedEmission' | 'recycledWork'>;

interface FoundClaims {
  readonly claims: readonly EmissionClaim[];
  /** Numbers of tallies for which nothing known here leads to their root. */
  readonly unshown: readonly number[];
}

/**
 * Finds the parts of an account in the tallies so far that it did not claim. Each tally is computed anew from the chain, and has to have
 * the root that the quorum signed.
 */
async function findEmissionClaims(client: EmissionReads, account: Address): Promise<FoundClaims> {
  const claims: EmissionClaim[] = [];
  const unshown: number[] = [];
  const allotments = await client.allotments();
  for (const { number, since, until, root, units, budget } of allotments) {
    if (await client.hasClaimedEmission(number, account)) continue;
    const tally = computeShownTally(await client.recycledWork(since, until));
    if (tally === undefined || `0x${toHex(tally.root)}` !== root) {
      unshown.push(number);
      continue;
    }
    const index = tally.entries.findIndex((entry) => `0x${toHex(entry.account)}` === account);
    const entry = tally.entries[index];
    if (entry === undefined) continue;
    const amount = computeEmissionClaim({ budget, units }, entry.units);
    if (amount === 0n) continue;
    claims.push({ number, units: entry.units, amount, proof: computeEmissionProof(nodeCrypto, tally.entries, index) });
  }
  const known = new Set(allotments.map(({ number }) => number));
  const { count } = await client.emissionState();
  for (let number = 0; number < count; number++) {
    if (!known.has(number) && !(await client.hasClaimedEmission(number, account))) unshown.push(number);
  }
  return { claims, unshown };
}

/** Undefined if events are missing: their sum is no tally. */
function computeShownTally(work: Parameters<typeof computeTally>[1]): ReturnType<typeof computeTally> {
  try {
    return computeTally(nodeCrypto, work);
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'malformed') return undefined;
    throw error;
  }
}

async function listClaims(
  client: ChainClient & { readonly address: Address },
  isAsked: boolean,
  output: Output,
): Promise<FoundClaims> {
  if (client.deployment.emission === undefined) return { claims: [], unshown: [] };
  const find = isAsked ? askEmissionClaims : findEmissionClaims;
  const found = await find(client, client.address);
  const tallies = found.unshown.join(', ');
  if (tallies !== '') {
    output.writeError(
      isAsked
        ? `no validator shows anything of tallies ${tallies}: without --ask the events say what is in them\n`
        : `the events that this RPC endpoint has do not come to the roots of tallies ${tallies}: with --ask validators show what is in them\n`,
    );
  }
  return found;
}

const claimConfig = defineConfig({
  ...{ name: 'ogong claim', examples: ['ogong claim --keypair <path> --deployment deployment.json --dry-run'] },
  summary:
    "Pays the account its credit in the escrow: a router's, a validator's, a maker's or a verifier's part of fees.\n" +
    'It also pays its part as a co-signer of days that are over, and its part of the emission in every tally so far.\n' +
    'If the network burns and mints, it pays the part of every epoch that is over, sold for the stablecoin.',
  fields: {
    ...actionFields,
    ask: {
      schema: boolean,
      boolean: true,
      description:
        'take units and proofs from the validators, checked against the root on the chain, instead of all events: for RPC endpoints without old events',
    },
    cosigned: {
      schema: boolean,
      boolean: true,
      description: 'look for its rewards as a co-signer also if it has no bond any more',
    },
    payout: {
      schema: oneOf(['stable', 'tokens']),
      description:
        'burn and mint: sell the claim for the stablecoin, or take the tokens themselves. Default: the earlier choice, at first stable',
    },
    slippage: {
      schema: decimal({ min: 0, max: 1 }),
      label: '<percent>',
      description:
        "burn and mint: least that a sale may bring, in percent below the oracle's price. Default: 1, which the contract allows at most",
    },
  },
});

export const claimCommand: Command = {
  name: 'claim',
  summary: 'be paid credit and emission',
  async run(argv, output) {
    const parsed = claimConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { ask, cosigned, payout, slippage, ...values } = parsed.values;
    let told: Readonly<Record<string, unknown>> = {};
    return act('ogong claim', values, output, {
      fields: () => told,
      does: ({ paid }) => (paid === 'credits' ? 'claim credit and what was earned' : 'claim credit and emission'),
      async run(writes, client) {
        const pots = await findCosigned(client, cosigned);
        const hasParts = await creditCosigned(writes, pots, output, client.format);
        const cosignedParts = { cosigned: `${pots.overAtomic}` };
        if (client.deployment.burnAndMint !== undefined) {
          told = { ...(await claimMints(writes, client, { payout, slippage, output })), ...cosignedParts };
          return;
        }
        if (payout !== undefined || slippage !== undefined) {
          throw new ConfigError('ogong claim', ['--payout and --slippage are for networks that burn and mint']);
        }
        const credit = await client.creditOf(client.address);
        const { claims, unshown } = await listClaims(client, ask, output);
        const emission = claims.reduce((sum, { amount }) => sum + amount, 0n);
        output.writeError(
          `credit ${client.format(credit)}, emission ${client.format(emission)} in ${claims.length} tallies\n`,
        );
        const tallies = claims.map(({ number, amount }) => ({ number, amount: `${amount}` }));
        told = { credit: `${credit}`, ...cosignedParts, emission: `${emission}`, tallies, unshown };
        // In a dry run the parts of pots are no credit yet.
        if (credit > 0n || (hasParts && !client.isDry)) await writes.claim();
        for (const { number, units, proof } of claims) await writes.claimEmission(number, client.address, units, proof);
      },
    });
  },
};

const withdrawConfig = defineConfig({
  name: 'ogong withdraw',
  examples: ['ogong withdraw --provider <id> --payee <address> --keypair <path> --deployment deployment.json'],
  summary:
    "Pays a payee the released earnings of a provider. Anybody may call it, so the payee's key stays in its place: the\n" +
    'account of --keypair pays for the transaction, and gets nothing.',
  fields: {
    ...actionFields,
    provider: { schema: hex(32), required: true, description: 'provider id, as ogong-provider serve prints it' },
    payee: { schema: hex(20), required: true, description: 'ledger address that is paid, without 0x' },
  },
});

export const withdrawCommand: Command = {
  name: 'withdraw',
  summary: "pay a provider's payee its earnings",
  async run(argv, output) {
    const parsed = withdrawConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { provider, payee, ...values } = parsed.values;
    const account: readonly [Hex, Hex] = [`0x${provider}`, `0x${payee}`];
    let told: Readonly<Record<string, unknown>> = {};
    return act('ogong withdraw', values, output, {
      fields: () => told,
      does: `pay 0x${payee} what provider ${provider.slice(0, 16)} has earned for it`,
      async run(writes, client) {
        const { withdrawable, held } = await client.earningsOf(...account);
        const carried = await client.carriedOf(withdrawable);
        const format = (one: bigint): string => client.format(one, unitsOf(client.deployment).paid);
        output.writeError(`${format(withdrawable)} can be withdrawn, ${format(held)} are held\n`);
        if (carried < withdrawable) {
          output.writeError(
            `the present epoch takes ${format(carried)} of it: the rest stays, and ${await describeNextEpoch(client)}\n`,
          );
        }
        const isTaken =
          carried > 0n && (await takeIntoEpoch(client, withdrawable, () => writes.withdrawEarnings(...account)));
        if (carried > 0n && !isTaken)
          output.writeError(
            `others have filled the present epoch: all of it waits, and ${await describeNextEpoch(client)}\n`,
          );
        const taken = isTaken ? carried : 0n;
        told = { payee: account[1], withdrawable: `${withdrawable}`, carried: `${taken}`, held: `${held}` };
      },
    });
  },
};
