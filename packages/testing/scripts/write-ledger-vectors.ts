/**
 * Writes packages/protocol/vectors/eip712.json: orders and batches with every hash on the way to their digests. viem computes
 * them, and the contracts on a fresh chain confirm them. The payee's signatures are included too; no contract reads these.
 * With --check it compares instead, and exits with 1 on a difference.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noDelays, noHolding } from '@ogong/chain/deploy/deploy';
import { deployContracts } from '@ogong/chain/deploy/deploy-contracts';
import {
  casesAbi,
  escrowAbi,
  hearingsAbi,
  machineRegistryAbi,
  settlementAbi,
  validatorRegistryAbi,
} from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { createTransactor } from '@ogong/chain/transactor';
import { nameSubject } from '@ogong/chain/validators/cases';
import { startDevChain } from '@ogong/devnet/chain/dev-chain';
import { OFFENCES } from '@ogong/protocol/settlement/conviction';
import {
  concatHex,
  domainSeparator,
  hashStruct,
  hashTypedData,
  keccak256,
  numberToHex,
  pad,
  sha256,
  slice,
  stringToHex,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { formatVectors } from '../src/vectors/format-vectors.ts';

/** No digest covers the signatures of payers. */
const NO_SIGNATURE: Hex = `0x${'00'.repeat(32)}`;

const target = join(dirname(fileURLToPath(import.meta.url)), '../../protocol/vectors/eip712.json');

/** Deterministic filler. Keys made from it protect nothing. */
const bytes32 = (label: string): Hex => keccak256(stringToHex(`ogong vector ${label}`));
const accountOf = (label: string) => privateKeyToAccount(bytes32(`key ${label}`));
const lower = (address: string) => address.toLowerCase() as Address;
const addressOf = (label: string): Address => lower(accountOf(label).address);

const zeroAddress: Address = `0x${'00'.repeat(20)}`;
const zero32: Hex = `0x${'00'.repeat(32)}`;
const maxUint128 = 2n ** 128n - 1n;
const maxUint64 = 2n ** 64n - 1n;

const termsFields = [
  { name: 'requestHash', type: 'bytes32' },
  { name: 'nonce', type: 'bytes32' },
  { name: 'modelRoot', type: 'bytes32' },
  { name: 'providerId', type: 'bytes32' },
  { name: 'payee', type: 'address' },
  { name: 'router', type: 'address' },
  { name: 'choice', type: 'uint8' },
  { name: 'contextSize', type: 'uint32' },
  { name: 'maxFee', type: 'uint128' },
  { name: 'pricePer1k', type: 'uint128' },
  { name: 'epoch', type: 'uint64' },
  { name: 'expiresAt', type: 'uint64' },
] as const;

const orderTypes = {
  Order: [
    { name: 'payer', type: 'address' },
    { name: 'validator', type: 'address' },
    { name: 'cumulative', type: 'uint128' },
    { name: 'terms', type: 'Terms' },
  ],
  Terms: termsFields,
} as const;

const batchTypes = {
  Batch: [
    { name: 'validator', type: 'address' },
    { name: 'sequence', type: 'uint64' },
    { name: 'logHead', type: 'bytes32' },
    { name: 'logLength', type: 'uint64' },
    { name: 'recordsRoot', type: 'bytes32' },
    { name: 'replies', type: 'uint32' },
    { name: 'debitsHash', type: 'bytes32' },
    { name: 'linesHash', type: 'bytes32' },
    { name: 'ejectedHash', type: 'bytes32' },
    { name: 'talliesHash', type: 'bytes32' },
  ],
} as const;

const orders = [
  {
    name: 'ordinary',
    payer: 'payer 1',
    validator: addressOf('validator 1'),
    cumulative: 1_234_567_890_123_456_789n,
    terms: {
      requestHash: bytes32('request 1'),
      nonce: bytes32('nonce 1'),
      modelRoot: bytes32('model'),
      providerId: bytes32('provider'),
      payee: addressOf('payee'),
      router: addressOf('router'),
      choice: 0,
      contextSize: 4096,
      maxFee: 5_000_000_000_000_000n,
      pricePer1k: 250_000_000_000_000n,
      epoch: 42n,
      expiresAt: 1_800_000_000n,
    },
  },
  {
    name: 'all zero',
    payer: 'payer 2',
    validator: zeroAddress,
    cumulative: 0n,
    terms: {
      requestHash: zero32,
      nonce: zero32,
      modelRoot: zero32,
      providerId: zero32,
      payee: zeroAddress,
      router: zeroAddress,
      choice: 0,
      contextSize: 0,
      maxFee: 0n,
      pricePer1k: 0n,
      epoch: 0n,
      expiresAt: 0n,
    },
  },
  {
    name: 'largest numbers',
    payer: 'payer 3',
    validator: addressOf('validator 2'),
    cumulative: maxUint128,
    terms: {
      requestHash: bytes32('request 3'),
      nonce: bytes32('nonce 3'),
      modelRoot: bytes32('model'),
      providerId: bytes32('provider'),
      payee: addressOf('payee'),
      router: addressOf('router'),
      choice: 255,
      contextSize: 2 ** 32 - 1,
      maxFee: maxUint128,
      pricePer1k: maxUint128,
      epoch: maxUint64,
      expiresAt: maxUint64,
    },
  },
];

const debitOf = (label: string, amount: bigint) => ({
  payer: addressOf(label),
  amount,
  cumulative: amount * 3n,
  termsHash: bytes32(`terms ${label}`),
});
const lineOf = (label: string, router: Address, gross: bigint, fine = 0n, modelRoot = zero32) => ({
  providerId: bytes32(`provider of ${label}`),
  payee: addressOf(label),
  router,
  ...{ gross, fine, modelRoot },
});

const tallyOf = (label: string, credits: number, refuted = 0) => ({ payee: addressOf(label), credits, refuted });

const batches = [
  {
    name: 'two payers, three lines, one ejection',
    batch: {
      validator: addressOf('validator 1'),
      sequence: 1n,
      logHead: bytes32('log 1'),
      logLength: 17n,
      recordsRoot: bytes32('records 1'),
      replies: 12,
    },
    debits: [debitOf('payer 1', 700_000_000_000_001n), debitOf('payer 2', 299_999_999_999_999n)],
    lines: [
      lineOf('payee 1', addressOf('router'), 500_000_000_000_000n),
      lineOf('payee 2', addressOf('router'), 400_000_000_000_000n, 30_000_000_000_000n),
      lineOf('payee 2', zeroAddress, 100_000_000_000_000n),
    ],
    ejected: [bytes32('provider 9')],
    tallies: [tallyOf('payee 1', 3), tallyOf('payee 3', 1, 2)],
  },
  {
    name: 'lines that name their models',
    batch: {
      validator: addressOf('validator 1'),
      sequence: 3n,
      logHead: bytes32('log 4'),
      logLength: 20n,
      recordsRoot: bytes32('records 4'),
      replies: 3,
    },
    debits: [debitOf('payer 1', 900n)],
    lines: [
      lineOf('payee 1', addressOf('router'), 500n, 20n, bytes32('model')),
      lineOf('payee 1', addressOf('router'), 400n, 0n, bytes32('other model')),
    ],
    ejected: [],
    tallies: [],
  },
  {
    name: 'rejects only',
    batch: {
      validator: addressOf('validator 2'),
      sequence: 2n,
      logHead: bytes32('log 2'),
      logLength: 18n,
      recordsRoot: zero32,
      replies: 0,
    },
    debits: [],
    lines: [],
    ejected: [],
    tallies: [],
  },
  {
    name: 'largest numbers',
    batch: {
      validator: addressOf('validator 1'),
      sequence: maxUint64,
      logHead: bytes32('log 3'),
      logLength: maxUint64,
      recordsRoot: bytes32('records 3'),
      replies: 4_294_967_295,
    },
    debits: [{ ...debitOf('payer 3', maxUint128), cumulative: maxUint128 }],
    lines: [lineOf('payee 1', addressOf('router'), maxUint128)],
    ejected: [bytes32('provider 8'), bytes32('provider 7')],
    tallies: [tallyOf('payee 2', 4_294_967_295, 4_294_967_295)],
  },
];

const wordOf = (address: Address) => pad(address, { size: 32 });
const numberWord = (value: bigint) => numberToHex(value, { size: 32 });
const hashWords = (words: readonly Hex[]) => keccak256(words.length === 0 ? '0x' : concatHex(words));

function expectEqual(what: string, ours: Hex, theirs: Hex): Hex {
  if (ours !== theirs) throw new Error(`${what}: viem says ${ours}, the contract ${theirs}`);
  return ours;
}

async function computeVectors() {
  const chain = await startDevChain({ blockTimeMs: 100 });
  try {
    const deployer = bytes32('deployer');
    await chain.setBalance(privateKeyToAccount(deployer).address, 10n ** 20n);
    const treasury = addressOf('treasury');
    const recipients = { verification: treasury, treasury, license: treasury };
    const deployment = await deployContracts({
      ...chain,
      privateKey: deployer,
      recipients,
      profile: 'whitepaper',
      delays: noDelays,
      holding: noHolding,
      machines: true,
    });
    const { client } = createTransactor({ ...chain });
    const { escrow, settlement, registry, cases, hearings, machines } = deployment;
    if (machines === undefined) throw new TypeError('the plan names a registry of machines');
    const domainOf = (verifyingContract: Address) =>
      ({ name: 'OGONG', version: '1', chainId: chain.chainId, verifyingContract }) as const;
    const readEscrow = { address: escrow, abi: escrowAbi } as const;
    const readSettlement = { address: settlement, abi: settlementAbi } as const;

    const orderVectors = [];
    for (const { name, payer: label, validator, cumulative, terms } of orders) {
      const payer = addressOf(label);
      const termsHash = expectEqual(
        `${name}: termsHash`,
        hashStruct({ data: terms, primaryType: 'Terms', types: { Terms: termsFields } }),
        await client.readContract({ ...readEscrow, functionName: 'hashTerms', args: [terms] }),
      );
      const typed = {
        domain: domainOf(escrow),
        types: orderTypes,
        primaryType: 'Order',
        message: { payer, validator, cumulative, terms },
      } as const;
      const orderDigest = expectEqual(
        `${name}: orderDigest`,
        hashTypedData(typed),
        await client.readContract({
          ...readEscrow,
          functionName: 'orderDigest',
          args: [payer, validator, cumulative, termsHash],
        }),
      );
      const signature = await accountOf(label).signTypedData(typed);
      const named = concatHex([domainSeparator({ domain: typed.domain }), payer, validator, terms.nonce]);
      const replyId = slice(sha256(concatHex([stringToHex('ogong-reply-id-v1\n'), named])), 0, 16);
      orderVectors.push({ name, payer, validator, cumulative, terms, termsHash, orderDigest, replyId, signature });
    }

    const payeeVectors = [];
    for (const name of ['provider 1', 'provider 2']) {
      const typed = {
        domain: domainOf(escrow),
        types: {
          ProviderPayee: [
            { name: 'providerId', type: 'bytes32' },
            { name: 'validUntil', type: 'uint64' },
          ],
        },
        primaryType: 'ProviderPayee',
        message: { providerId: bytes32(name), validUntil: 1_750_000_000_000n },
      } as const;
      const payee = `payee of ${name}`;
      const signature = await accountOf(payee).signTypedData(typed);
      const digest = hashTypedData(typed);
      const validUntilMs = Number(typed.message.validUntil);
      payeeVectors.push({ name, payee: addressOf(payee), providerId: bytes32(name), validUntilMs, digest, signature });
    }

    const batchVectors = [];
    for (const { name, batch, debits, lines, ejected, tallies } of batches) {
      const withSignatures = debits.map((debit) => ({ ...debit, r: NO_SIGNATURE, vs: NO_SIGNATURE }));
      const debitsHash = expectEqual(
        `${name}: debitsHash`,
        hashWords(
          debits.flatMap((d) => [wordOf(d.payer), numberWord(d.amount), numberWord(d.cumulative), d.termsHash]),
        ),
        await client.readContract({ ...readSettlement, functionName: 'hashDebits', args: [withSignatures] }),
      );
      const linesHash = expectEqual(
        `${name}: linesHash`,
        hashWords(
          lines.flatMap(({ providerId, payee, router, gross, fine, modelRoot }) => [
            ...[providerId, wordOf(payee), wordOf(router)],
            ...[numberWord(gross), numberWord(fine), modelRoot],
          ]),
        ),
        await client.readContract({ ...readSettlement, functionName: 'hashLines', args: [lines] }),
      );
      const ejectedHash = hashWords(ejected);
      const talliesHash = expectEqual(
        `${name}: talliesHash`,
        hashWords(
          tallies.flatMap(({ payee, credits, refuted }) => [
            wordOf(payee),
            ...[credits, refuted].map(BigInt).map(numberWord),
          ]),
        ),
        await client.readContract({ ...readSettlement, functionName: 'hashTallies', args: [tallies] }),
      );
      const typed = {
        domain: domainOf(settlement),
        types: batchTypes,
        primaryType: 'Batch',
        message: { ...batch, debitsHash, linesHash, ejectedHash, talliesHash },
      } as const;
      const batchDigest = expectEqual(
        `${name}: batchDigest`,
        hashTypedData(typed),
        await client.readContract({
          ...readSettlement,
          functionName: 'batchDigest',
          args: [batch, withSignatures, lines, ejected, tallies],
        }),
      );
      const signatures = [];
      for (const label of ['validator 1', 'validator 2']) {
        signatures.push({ signer: addressOf(label), signature: await accountOf(label).signTypedData(typed) });
      }
      batchVectors.push({
        name,
        batch,
        debits,
        lines,
        ejected,
        tallies,
        debitsHash,
        linesHash,
        ejectedHash,
        talliesHash,
        batchDigest,
        signatures,
      });
    }
    const reinstatements = [];
    for (const [label, ejection] of [
      ['provider 1', 1],
      ['provider 2', 4_294_967_295],
    ] as const) {
      const message = { providerId: bytes32(label), ejection };
      const typed = {
        domain: domainOf(settlement),
        types: {
          Reinstatement: [
            { name: 'providerId', type: 'bytes32' },
            { name: 'ejection', type: 'uint32' },
          ],
        },
        primaryType: 'Reinstatement',
        message,
      } as const;
      const digest = expectEqual(
        `${label}: reinstatementDigest`,
        hashTypedData(typed),
        await client.readContract({
          ...readSettlement,
          functionName: 'reinstatementDigest',
          args: [message.providerId, ejection],
        }),
      );
      reinstatements.push({ ...message, digest });
    }
    const pardons = [];
    for (const [label, penalty] of [
      ['payee 1', 1],
      ['payee 2', 4_294_967_295],
    ] as const) {
      const message = { payee: addressOf(label), penalty };
      const typed = {
        domain: domainOf(settlement),
        types: {
          Pardon: [
            { name: 'payee', type: 'address' },
            { name: 'penalty', type: 'uint32' },
          ],
        },
        primaryType: 'Pardon',
        message,
      } as const;
      const digest = expectEqual(
        `${label}: pardonDigest`,
        hashTypedData(typed),
        await client.readContract({ ...readSettlement, functionName: 'pardonDigest', args: [message.payee, penalty] }),
      );
      pardons.push({ ...message, digest });
    }
    const convictions = [];
    for (const [label, offence, conviction] of [
      ['validator 1', 'over-admission', 1],
      ['validator 2', 'refuted-report', 4_294_967_295],
    ] as const) {
      const message = {
        ...{ accused: addressOf(label), reporter: conviction === 1 ? zeroAddress : addressOf('reporter') },
        ...{ evidence: bytes32(`evidence ${label}`), conviction },
      };
      const number = OFFENCES.indexOf(offence);
      const typed = {
        domain: domainOf(cases),
        types: {
          Conviction: [
            { name: 'offence', type: 'uint8' },
            { name: 'accused', type: 'address' },
            { name: 'reporter', type: 'address' },
            { name: 'evidence', type: 'bytes32' },
            { name: 'conviction', type: 'uint32' },
          ],
        },
        primaryType: 'Conviction',
        message: { offence: number, ...message },
      } as const;
      const args = [number, message.accused, message.reporter, message.evidence, conviction] as const;
      const digest = expectEqual(
        `${label}: convictionDigest`,
        hashTypedData(typed),
        await client.readContract({ address: cases, abi: casesAbi, functionName: 'convictionDigest', args }),
      );
      convictions.push({ offence, ...message, digest });
    }
    const acquittals = [];
    for (const [functionName, args, appealed] of [
      ['caseSubject', [3n], { case: 3 }],
      ['ejectionSubject', [bytes32('provider 1'), 2], { ejected: bytes32('provider 1') }],
      ['penaltySubject', [addressOf('payee 1'), 2], { penalized: addressOf('payee 1') }],
    ] as const) {
      const subject = expectEqual(
        functionName,
        nameSubject(appealed, 2),
        (await client.readContract({ address: cases, abi: casesAbi, functionName, args } as never)) as Hex,
      );
      const typed = {
        domain: domainOf(hearings),
        types: { Acquittal: [{ name: 'subject', type: 'bytes32' }] },
        primaryType: 'Acquittal',
        message: { subject },
      } as const;
      const digest = expectEqual(
        `${functionName}: acquittalDigest`,
        hashTypedData(typed),
        await client.readContract({
          address: hearings,
          abi: hearingsAbi,
          functionName: 'acquittalDigest',
          args: [subject],
        }),
      );
      acquittals.push({ of: functionName, subject, digest });
    }
    const signingKeys = [];
    for (const label of ['validator 1', 'validator 2']) {
      const message = { account: addressOf(label), signer: addressOf(`signing key of ${label}`) };
      const typed = {
        domain: domainOf(registry),
        types: {
          SigningKey: [
            { name: 'account', type: 'address' },
            { name: 'signer', type: 'address' },
          ],
        },
        primaryType: 'SigningKey',
        message,
      } as const;
      const digest = expectEqual(
        `${label}: signerDigest`,
        hashTypedData(typed),
        await client.readContract({
          address: registry,
          abi: validatorRegistryAbi,
          functionName: 'signerDigest',
          args: [message.account, message.signer],
        }),
      );
      signingKeys.push({ ...message, digest });
    }
    const machineEntries = [];
    for (const [label, platformKey] of [
      ['provider 1', zero32],
      ['provider 2', bytes32('platform 2')],
    ] as const) {
      const message = {
        ...{ providerId: bytes32(label), machine: bytes32(`machine of ${label}`), image: bytes32(`image of ${label}`) },
        ...{ evidence: bytes32(`evidence of ${label}`), signingKey: bytes32(`key of ${label}`) },
        ...{ sealKey: bytes32(`seal key of ${label}`), platformKey },
        ...{ epoch: platformKey === zero32 ? 7n : maxUint64, until: 1_800_000_000n },
      };
      const names = ['providerId', 'machine', 'image', 'evidence', 'signingKey', 'sealKey', 'platformKey'] as const;
      const typed = {
        domain: domainOf(machines),
        types: {
          Machine: [
            ...names.map((name) => ({ name, type: 'bytes32' as const })),
            { name: 'epoch', type: 'uint64' as const },
            { name: 'until', type: 'uint64' as const },
          ],
        },
        primaryType: 'Machine',
        message,
      } as const;
      const at = { address: machines, abi: machineRegistryAbi } as const;
      const digest = expectEqual(
        `${label}: machineDigest`,
        hashTypedData(typed),
        await client.readContract({ ...at, functionName: 'machineDigest', args: [message] }),
      );
      const keysHash = await client.readContract({ ...at, functionName: 'keysHash', args: [message] });
      machineEntries.push({ ...message, digest, keysHash });
    }
    const revocations = [];
    for (const [isRevoked, number] of [
      [true, 1],
      [false, 2],
    ] as const) {
      const message = { machine: bytes32('machine of provider 1'), evidence: bytes32('forged'), isRevoked, number };
      const typed = {
        domain: domainOf(machines),
        types: {
          Revocation: [
            { name: 'machine', type: 'bytes32' },
            { name: 'evidence', type: 'bytes32' },
            { name: 'isRevoked', type: 'bool' },
            { name: 'number', type: 'uint32' },
          ],
        },
        primaryType: 'Revocation',
        message,
      } as const;
      const digest = expectEqual(
        `revocation ${number}`,
        hashTypedData(typed),
        await client.readContract({
          ...{ address: machines, abi: machineRegistryAbi, functionName: 'revocationDigest' },
          args: [message.machine, message.evidence, isRevoked, number],
        }),
      );
      revocations.push({ ...message, digest });
    }
    const machineEjections = [];
    for (const ejection of [1, 2]) {
      const message = { providerId: bytes32('provider 1'), evidence: bytes32('proof'), ejection };
      const typed = {
        domain: domainOf(settlement),
        types: {
          MachineEjection: [
            { name: 'providerId', type: 'bytes32' },
            { name: 'evidence', type: 'bytes32' },
            { name: 'ejection', type: 'uint32' },
          ],
        },
        primaryType: 'MachineEjection',
        message,
      } as const;
      const digest = expectEqual(
        `machine ejection ${ejection}`,
        hashTypedData(typed),
        await client.readContract({
          ...{ address: settlement, abi: settlementAbi, functionName: 'machineEjectionDigest' },
          args: [message.providerId, message.evidence, ejection],
        }),
      );
      machineEjections.push({ ...message, digest });
    }
    return {
      source: 'packages/testing/scripts/write-ledger-vectors.ts; viem and the contracts agree on every hash',
      domain: {
        name: 'OGONG',
        version: '1',
        chainId: chain.chainId,
        escrow,
        settlement,
        registry,
        cases,
        hearings,
        machines,
      },
      orders: orderVectors,
      payees: payeeVectors,
      batches: batchVectors,
      reinstatements,
      pardons,
      convictions,
      acquittals,
      signingKeys,
      machineEntries,
      revocations,
      machineEjections,
    };
  } finally {
    await chain.stop();
  }
}

const vectors = await computeVectors();
const text = formatVectors(
  JSON.parse(JSON.stringify(vectors, (_, value) => (typeof value === 'bigint' ? value.toString() : value))),
);
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error(
      'packages/protocol/vectors/eip712.json differs: run node packages/testing/scripts/write-ledger-vectors.ts',
    );
    process.exit(1);
  }
  console.log('EIP-712 vectors are current');
} else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  console.log(`wrote ${vectors.orders.length} orders and ${vectors.batches.length} batches`);
}
