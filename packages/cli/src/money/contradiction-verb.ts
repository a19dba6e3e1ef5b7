import { randomBytes } from 'node:crypto';
import type { ChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { waitForNextBlock } from '@ogong/chain/next-block';
import type { EquivocationProof } from '@ogong/chain/validators/cases';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { findContradiction, type SignedStatement } from '@ogong/protocol/settlement/contradiction';
import { act, actionFields } from './act.ts';
import { unitsOf } from './amount.ts';
import { readSignedStatements } from './contradiction-file.ts';

const NAME = 'ogong case contradiction';

const config = defineConfig({
  name: NAME,
  examples: [`${NAME} receipt.json other-receipt.json --keypair <path> --deployment deployment.json --dry-run`],
  summary:
    'Shows the chain two contradicting statements of a validator: two admissions of one order, two accepted records of one order, two\n' +
    'logs of one length, or two tallies under one number. A file is a receipt, or its address at a gateway; admissions as `ogong-provider\n' +
    'admissions --export` writes them; or statements in JSON (docs/spec/cases.md). The first two contradicting statements are shown.\n' +
    "The contract takes all of the validator's bond, and holds it for one appeal; then the account that shows it has the reporter's share.",
  fields: actionFields,
  positionals: { label: '<file> [<file> ...]', min: 1, max: 16 },
});

const SAYS: Readonly<Record<SignedStatement['kind'], string>> = {
  admission: 'it signed two admissions of one order',
  intake: 'it signed that it took in two records for one order',
  log: 'it signed two logs of one length',
  allotment: 'it signed two tallies under one number',
};
const SINGLE_SIGNATURE_BYTES = 65;

interface Shown {
  readonly proof: EquivocationProof;
  readonly evidence: `0x${string}`;
}

/** Makes the contract's checks first, so that nothing is announced in vain. @throws ConfigError if a statement is not the accused's */
async function checkWords(
  client: Pick<ChainClient, 'readStatement' | 'signingKeysAt' | 'parameters' | 'transactor'>,
  words: readonly [SignedStatement, SignedStatement],
): Promise<Shown> {
  const [{ kind, accused }] = words;
  const [{ limits }, { timestamp: now }] = await Promise.all([
    client.parameters(),
    client.transactor.read('the time', (reader) => reader.getBlock()),
  ]);
  const isYoung = (time: bigint): boolean => time <= now && time + BigInt(limits.unbondingDelay) >= now;
  const checkWord = async ({ members, signature, timesMs }: SignedStatement) => {
    const { digest, evidence } = await client.readStatement(kind, members);
    const times = timesMs.map((ms) => BigInt(Math.floor(ms / 1_000)));
    for (const time of [...times, now].filter(isYoung)) {
      // A sum is the contract's to check.
      const isSum = signature.length !== SINGLE_SIGNATURE_BYTES;
      const keys = isSum ? [] : await client.signingKeysAt(accused, [Number(time) * 1_000]);
      const isIts = (key: string) =>
        nodeCrypto.verifyAddress(fromHex(digest.slice(2)), signature, fromHex(key.slice(2), 20));
      if (isSum || keys.some(isIts)) return { word: { members, signature, time }, evidence };
    }
    throw new ConfigError(NAME, [
      `no key of 0x${toHex(accused)} signed one of the two words within the last ${limits.unbondingDelay} s: an older one, or one of somebody else, convicts nobody`,
    ]);
  };
  const [first, second] = [await checkWord(words[0]), await checkWord(words[1])];
  return { proof: { kind, accused, statements: [first.word, second.word] }, evidence: first.evidence };
}

export const contradictionVerb: Verb = {
  summary: 'two contradicting statements of a validator',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { values, positionals } = parsed;
    const { deployment } = readDeployment(NAME, values);
    const source = { program: NAME, ledger: domainOf(deployment, deployment.escrow) };
    const read = await Promise.all(positionals.map((path) => readSignedStatements(source, path)));
    const words = findContradiction(read.flat());
    if (words === undefined) {
      const found = `${read.flat().length} statements of validators, and no two of one account contradict each other about an order, log or tally`;
      throw new ConfigError(NAME, [`${positionals.join(', ')}: there are ${found}`]);
    }
    const [{ kind, accused }] = words;
    const validator = `0x${toHex(accused)}` as const;
    let told: Readonly<Record<string, unknown>> = {};
    return act(NAME, values, output, {
      does: `open a case against the validator ${validator}: ${SAYS[kind]}`,
      fields: () => ({ validator, kind, ...told }),
      async run(writes, client) {
        const { proof, evidence } = await checkWords(client, words);
        const isProven = await client.isProven(accused, evidence);
        told = { evidence, isProven };
        if (isProven) {
          output.writeError('this is proven already, and convicts nobody twice: `ogong case list` shows the case\n');
          return;
        }
        const { amount, unbonding } = await client.bondOf(validator);
        if (amount + unbonding === 0n)
          throw new ConfigError(NAME, [`${validator} has no bond left, so there is nothing to take`]);
        const all = client.format(amount + unbonding, unitsOf(client.deployment).token);
        output.writeError(`it takes all of the bond, ${all}, which is held for one appeal\n`);
        const secret = randomBytes(32);
        const announced = await writes.announceEquivocation(proof, secret);
        if (!client.isDry) await waitForNextBlock(client.transactor, announced);
        await writes.proveEquivocation(proof, secret);
      },
    });
  },
};
