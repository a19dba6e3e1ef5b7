import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { define, duration, hex, text } from '@ogong/host/config/values';
import { loadHybridSigner } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { writePublicFile } from '@ogong/host/files/private-files';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { systemClock } from '@ogong/host/time/clock';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES, hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { CohortShard } from '@ogong/protocol/settlement/cohort';
import {
  type CohortAgreement,
  encodeCohortAgreement,
  findSignatureProblem,
  findTermsProblem,
  signCohortTerms,
} from '@ogong/protocol/settlement/cohort-agreement';
import { readCohortFile } from '../provider/orders/cohorts.ts';
import { dataDirField } from '../provider/provider-config.ts';

const NAME = 'ogong-provider cohort';

/** `<provider id>:<payee>:<layers>` */
const shard = define('<provider id>:<payee>:<layers>', '<id:payee:layers>', (value) => {
  const [, id = '', payee = '', layers = ''] =
    /^(?:0x)?([0-9a-f]{64}):(?:0x)?([0-9a-f]{40}):(\d{1,5})$/i.exec(value) ?? [];
  if (id === '') return undefined;
  return { providerId: fromHex(id.toLowerCase(), 32), payee: fromHex(payee.toLowerCase(), 20), layers: Number(layers) };
});

const draftConfig = defineConfig({
  name: `${NAME} draft`,
  examples: [
    `${NAME} draft --model-root <root> --shard <id:payee:10> --shard <id:payee:22> --out cohort --deployment deployment.json`,
  ],
  summary:
    'Writes down who serves which layers of a model, for each of them to sign. Each has its layers’ part of every fee; the first leads:\n' +
    'it takes the orders, and has what does not divide.',
  fields: {
    ...chainFields,
    modelRoot: { schema: hex(32), required: true, description: 'root of the weights' },
    shard: {
      schema: shard,
      label: '<id:payee:layers>',
      repeatable: true,
      description: 'provider id, payee and number of layers of each, in the order of their layers',
    },
    validFor: { schema: duration, default: '7d', description: 'for orders that expire within this time' },
    out: { schema: text, label: '<path>', required: true, description: 'file to write' },
    json: jsonField,
  },
});

const fileFields = {
  file: { schema: text, label: '<path>', required: true, description: 'file that draft wrote' },
} as const;

const signConfig = defineConfig({
  name: `${NAME} sign`,
  examples: [`${NAME} sign --file cohort --data-dir <dir>`],
  summary:
    "Adds the signature of this machine's key to a cohort that names it, in place. Send the file on to the next one.",
  fields: { ...fileFields, ...dataDirField, json: jsonField },
});

const showConfig = defineConfig({
  name: `${NAME} show`,
  examples: [`${NAME} show --file cohort`],
  summary: 'Says who shares what by a cohort, until when, and who has signed.',
  fields: { ...fileFields, json: jsonField },
});

interface SignedShard extends CohortShard {
  readonly isSigned: boolean;
}

/** Signatures stand in the order of the shards; a missing one is zero. */
const listShards = ({ terms, signatures }: CohortAgreement): SignedShard[] =>
  terms.shards.map((one, place) => {
    const signature = signatures[place];
    const isSigned = signature !== undefined && findSignatureProblem(nodeCrypto, terms, signature, place) === undefined;
    return { ...one, isSigned };
  });

const EMPTY = {
  publicKey: new Uint8Array(HYBRID_PUBLIC_KEY_BYTES),
  signature: new Uint8Array(HYBRID_SIGNATURE_BYTES),
};

async function draft(argv: readonly string[], output: Output): Promise<number> {
  const parsed = draftConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const { modelRoot, shard: given, validFor, out, json, ...where } = parsed.values;
  const { deployment } = readDeployment(NAME, where);
  let firstLayer = 0;
  const shards = given.map((one) => {
    const placed = { ...one, firstLayer };
    firstLayer += one.layers;
    return placed;
  });
  const problem = findTermsProblem({ shards });
  if (problem !== undefined) throw new ConfigError(NAME, [`--shard: ${problem}`]);
  const terms = {
    ...{ chainId: BigInt(deployment.chainId), escrow: fromHex(deployment.escrow.slice(2), 20) },
    ...{ modelRoot: fromHex(modelRoot, 32), validUntilMs: systemClock.nowMs() + validFor, shards },
  };
  if (existsSync(out)) throw new ConfigError(NAME, [`--out ${out}: there is such a file already`]);
  writePublicFile(out, encodeCohortAgreement({ terms, signatures: shards.map(() => EMPTY) }));
  if (json) printJson(output, { path: out, shards: shards.length });
  else output.write(`${out}: ${shards.length} shards; each signs it with ogong-provider cohort sign\n`);
  return EXIT.ok;
}

async function sign(argv: readonly string[], output: Output): Promise<number> {
  const parsed = signConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const { file, dataDir, json } = parsed.values;
  const word = readCohortFile(NAME, file);
  const key = join(dataDir, 'hybrid.key');
  // Without this, a mistyped directory would be given a key of its own.
  if (!existsSync(key)) throw new ConfigError(NAME, [`--data-dir ${dataDir}: no provider has run there`]);
  const signer = loadHybridSigner(key);
  const id = hashHybridKey(nodeCrypto, signer.publicKey);
  const place = word.terms.shards.findIndex(({ providerId }) => equalBytes(providerId, id));
  if (place === -1) throw new ConfigError(NAME, [`--file ${file}: it does not name this provider, ${toHex(id)}`]);
  const own = signCohortTerms(signer, word.terms);
  const signatures = word.terms.shards.map((_, i) => (i === place ? own : (word.signatures[i] ?? EMPTY)));
  writePublicFile(file, encodeCohortAgreement({ ...word, signatures }));
  const missing = listShards({ ...word, signatures }).filter(({ isSigned }) => !isSigned).length;
  if (json) {
    printJson(output, { path: file, shard: place, missing });
    return EXIT.ok;
  }
  output.write(
    `${file}: signed as shard ${place}; ${missing === 0 ? 'everybody has signed' : `${missing} are missing`}\n`,
  );
  return EXIT.ok;
}

async function show(argv: readonly string[], output: Output): Promise<number> {
  const parsed = showConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const { file, json } = parsed.values;
  const word = readCohortFile(NAME, file);
  const shards = listShards(word);
  const total = shards.reduce((sum, { layers }) => sum + layers, 0);
  const validUntil = new Date(word.terms.validUntilMs).toISOString();
  const modelRoot = toHex(word.terms.modelRoot);
  if (json) {
    const shown = shards.map(({ providerId, payee, ...one }) => ({
      ...{ providerId: toHex(providerId), payee: `0x${toHex(payee)}` },
      ...one,
    }));
    printJson(output, { modelRoot, validUntil, shards: shown });
    return EXIT.ok;
  }
  output.write(`model ${modelRoot}, orders that expire until ${validUntil}\n`);
  for (const { providerId, payee, firstLayer, layers, isSigned } of shards) {
    const part = `layers ${firstLayer} to ${firstLayer + layers - 1}: ${layers} of ${total} parts of each fee`;
    output.write(`${toHex(providerId)} for 0x${toHex(payee)}, ${part}${isSigned ? '' : ' (has not signed)'}\n`);
  }
  return EXIT.ok;
}

function print(output: Output, help: string): number {
  output.write(help);
  return EXIT.ok;
}

export const cohortCommand: Command = createCommandGroup({
  ...{ program: 'ogong-provider', name: 'cohort', summary: 'share the fees of one model among several providers' },
  verbs: {
    draft: { summary: 'write down who serves which layers', run: draft },
    sign: { summary: "add this machine's signature", run: sign },
    show: { summary: 'say who shares what, and who has signed', run: show },
  },
  examples: [`${NAME} sign --file cohort --data-dir <dir>`],
});
