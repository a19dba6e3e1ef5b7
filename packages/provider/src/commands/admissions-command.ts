import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { readEvidence } from '@ogong/host/config/read-evidence';
import { boolean, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { type Judge, judgeByChain, openJudge } from '@ogong/host/views/judge-by-chain';
import { toHex } from '@ogong/protocol/base/bytes';
import { ADMISSION_DOUBT_MS } from '@ogong/protocol/exchange/limits';
import {
  computeCapacity,
  describeOverAdmission,
  encodeOverAdmission,
  findOverAdmission,
  hashOverAdmission,
  isConvicted,
  MAX_EVIDENCE_ORDERS,
  type OrderAdmission,
  type OverAdmission,
} from '@ogong/protocol/exchange/over-admission';
import { listAdmissions, nameChannel } from '../provider/orders/admissions.ts';
import { dataDirField } from '../provider/provider-config.ts';
import { PROVIDER_SCHEMA } from '../provider/provider-store.ts';

export const admissionsConfig = defineConfig({
  name: 'ogong-provider admissions',
  examples: ['ogong-provider admissions --deployment deployment.json --out evidence'],
  summary:
    'Looks for validators that admitted more orders than a channel holds, in what they signed for this provider, and writes the\n' +
    'evidence. Validators convict by it (ogong-validatord convict). With --add it also counts what other providers exported.',
  fields: {
    out: { schema: text, label: '<dir>', default: '.', description: 'where the files are written' },
    add: {
      schema: text,
      label: '<path>',
      repeatable: true,
      description: 'file of another provider, written with --export',
    },
    export: {
      schema: boolean,
      boolean: true,
      description: 'write the newest admissions of each channel, for others to add; checks nothing',
    },
    json: jsonField,
    ...dataDirField,
    ...chainFields,
  },
});

/** Findings about one channel's admissions. */
export interface ChannelFinding {
  /** Validator and payer, in hex. */
  readonly channel: string;
  readonly heldAtomic: bigint;
  readonly capacityAtomic: bigint;
  /** Present if it convicts. */
  readonly evidence: { readonly hash: Uint8Array; readonly bytes: Uint8Array } | undefined;
}

/** Checks the orders of each channel that were alive at once. @throws ChainError, ProtocolError */
export async function findEvidence(
  judge: Judge,
  channels: ReadonlyMap<string, readonly OrderAdmission[]>,
): Promise<readonly ChannelFinding[]> {
  const findings: ChannelFinding[] = [];
  for (const [channel, orders] of channels) {
    const evidence = await searchChannel(judge, orders);
    if (evidence === undefined) continue;
    const { claim, capacityAtomic, checks } = await judgeByChain(nodeCrypto, judge, evidence);
    const hash = hashOverAdmission(nodeCrypto, evidence);
    const shown = isConvicted(checks) ? { hash, bytes: encodeOverAdmission(evidence) } : undefined;
    findings.push({ channel, heldAtomic: claim.heldAtomic, capacityAtomic, evidence: shown });
  }
  return findings;
}

/** Returns the convicting admissions if there are such; otherwise the orders that may cost most at once. */
async function searchChannel(
  { chain, ledger }: Judge,
  orders: readonly OrderAdmission[],
): Promise<OverAdmission | undefined> {
  if (orders.length === 0) return undefined;
  const { payer, validator, firstMs } = describeOverAdmission({ orders });
  const doubtMs = BigInt(ADMISSION_DOUBT_MS);
  const [changes, { atMs }] = await Promise.all([
    chain.channelChanges(payer, validator, firstMs - doubtMs),
    chain.convictionsOf(validator),
  ]);
  const capacityOf = (span: Parameters<typeof computeCapacity>[1]): bigint => computeCapacity(changes, span);
  const unpunished = atMs === 0n ? {} : { afterMs: atMs + doubtMs };
  return (
    findOverAdmission(nodeCrypto, ledger, { orders, capacityOf, ...unpunished }) ??
    findOverAdmission(nodeCrypto, ledger, { orders, capacityOf: () => 0n })
  );
}

/** The same orders count once: evidence is looked for among different ones. */
export function mergeAdmissions(
  own: ReadonlyMap<string, readonly OrderAdmission[]>,
  added: readonly (readonly OrderAdmission[])[],
): ReadonlyMap<string, readonly OrderAdmission[]> {
  const merged = new Map(own);
  for (const order of added.flat()) {
    const name = nameChannel(describeOverAdmission({ orders: [order] }));
    merged.set(name, [...(merged.get(name) ?? []), order]);
  }
  return merged;
}

/** @returns the path of the file. */
function writeFinding({ hash, bytes }: NonNullable<ChannelFinding['evidence']>, directory: string): string {
  const path = join(directory, `${toHex(hash)}.admissions`);
  writePrivateFile(path, bytes);
  return path;
}

/** Writes the evidence of a finding, if there is any. @returns the finding for JSON. */
const describeFinding = ({ channel, heldAtomic, capacityAtomic, evidence }: ChannelFinding, directory: string) => ({
  ...{ channel, heldAtomic: heldAtomic.toString(), capacityAtomic: capacityAtomic.toString() },
  ...(evidence && { path: writeFinding(evidence, directory) }),
});

export const admissionsCommand: Command = {
  name: 'admissions',
  summary: 'evidence against validators that admitted more than a channel holds',
  async run(argv, output) {
    const parsed = admissionsConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { dataDir, out, add, export: isExport, json, ...where } = parsed.values;
    const name = admissionsConfig.definition.name;
    const database = join(dataDir, 'provider.db');
    if (!existsSync(database)) throw new ConfigError(name, [`--data-dir ${dataDir}: no provider has run there`]);
    const store = openStore(database, { schema: PROVIDER_SCHEMA, upgrades: RELEASED.provider });
    const own = store.read((db) => listAdmissions(db, MAX_EVIDENCE_ORDERS));
    store.close();
    makePrivateDirectory(out);
    if (isExport) {
      const exported = [...own].map(([channel, orders]) => {
        const path = join(out, `${channel}.admissions`);
        writePrivateFile(path, encodeOverAdmission({ orders }));
        return { channel, path, orders: orders.length };
      });
      if (json) printJson(output, { exported });
      else for (const { path, orders } of exported) output.write(`${path}: ${orders} orders\n`);
      return EXIT.ok;
    }
    const channels = mergeAdmissions(
      own,
      add.map((path) => readEvidence(name, path).orders),
    );
    const findings = await findEvidence(await openJudge(name, where), channels);
    if (json) {
      printJson(output, { findings: findings.map((finding) => describeFinding(finding, out)) });
      return EXIT.ok;
    }
    if (findings.length === 0) output.write('no order with an admission is kept here\n');
    for (const { channel, heldAtomic, capacityAtomic, evidence } of findings) {
      output.write(
        `${channel}: orders alive at once may cost ${heldAtomic}, the channel had room for ${capacityAtomic}\n`,
      );
      if (evidence === undefined) continue;
      const path = writeFinding(evidence, out);
      output.write(`  more than it held: ${path} convicts the validator; give it to validators\n`);
    }
    return EXIT.ok;
  },
};
