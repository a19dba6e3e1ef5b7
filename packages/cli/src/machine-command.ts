import { randomBytes } from 'node:crypto';
import { checkEntry } from '@ogong/attestation/entry-check';
import { parsePolicy } from '@ogong/attestation/policy-file';
import type { ChainClient } from '@ogong/chain/client';
import type { RegisteredMachine } from '@ogong/chain/registry/machines';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool } from '@ogong/host/link/link-pool';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { describeFailure } from '@ogong/host/log/errors';
import { systemClock as clock } from '@ogong/host/time/clock';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import { type ChainView, createChainView } from '@ogong/host/views/chain-view';
import { findEntryProblem } from '@ogong/host/views/machine-view';
import { fromHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { check, isOk, listSkipped } from '@ogong/protocol/base/checks';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { MachineEntry } from '@ogong/protocol/machine/machine-entry';
import { machineFields, readMachinePolicy } from './machine-policy.ts';
import { openLedger } from './open-ledger.ts';
import { formatVerdict } from './print-checks.ts';
import { VERIFY_EXIT } from './verify-command.ts';

const NAME = 'ogong machine';
const ASK_TIMEOUT_MS = 15_000;

const config = defineConfig({
  name: NAME,
  examples: ['ogong machine <provider id> --machines policy.json --deployment deployment.json'],
  summary:
    'Checks an entry of the registry of machines again. It takes the evidence from any validator that signed for the entry. It compares the evidence\n' +
    'with the hash on the chain, with its beacon, and with your own policy. Evidence of Intel ages: vendors renew their statements monthly.\n' +
    'Exits as ogong verify does: 0 if all checks pass, 1 if one fails, 2 if it cannot be read, 3 if one was skipped.',
  fields: {
    ...machineFields,
    allow: { schema: text, label: '<checks>', description: 'checks that may be skipped' },
    json: jsonField,
    ...chainFields,
  },
  positionals: { label: '<provider id>', min: 1, max: 1 },
});

export const machineCommand: Command = {
  name: 'machine',
  summary: "check the entry of a provider's machine again",
  async run(argv, output) {
    try {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return VERIFY_EXIT.ok;
      }
      const { machines, images, allow, json, ...place } = parsed.values;
      const [id = ''] = parsed.positionals;
      if (!/^[0-9a-f]{64}$/.test(id)) throw new ConfigError(NAME, ['a provider id has 64 hexadecimal digits']);
      const client = await openLedger(NAME, place);
      const policy = (await readMachinePolicy(NAME, { machines, images }, client)) ?? parsePolicy(utf8Encode('{}'));
      const found = await readEntry(id, client);
      const reader = { crypto, policy, nowMs: clock.nowMs() };
      const problem = findEntryProblem(found.registered, undefined, reader.nowMs);
      const checks = [
        check('registered', problem === undefined, ['the entry holds now', problem ?? '']),
        ...(await checkEntry(found, reader)),
      ];
      const allowed = allow === undefined ? policy.allow : [...policy.allow, ...allow.split(',')];
      const skipped = listSkipped(checks, allowed);
      const ok = isOk(checks) && skipped.missing.length === 0;
      if (json) printJson(output, { ok, provider: id, entry: toText(found.registered), checks, ...skipped });
      else output.write(formatVerdict({ checks, ...skipped }));
      return !isOk(checks) ? VERIFY_EXIT.failed : ok ? VERIFY_EXIT.ok : VERIFY_EXIT.unchecked;
    } catch (error) {
      output.writeError(`${NAME}: ${describeFailure(error)}\n`);
      return VERIFY_EXIT.unusable;
    }
  },
};

const toText = ({ epoch, until, ...rest }: RegisteredMachine) => ({ ...rest, epoch: `${epoch}`, until: Number(until) });

async function readEntry(id: string, client: ChainClient) {
  const { deployment } = client;
  const registered = await client.machineOf(`0x${id}`);
  if (registered === undefined) throw new ConfigError(NAME, ['no machine of this provider is entered']);
  const chain = createChainView({ deployment }, { connect: async () => client });
  const links = createLinkPool({
    identity: createLinkIdentity(new Secret(new Uint8Array(randomBytes(32)))),
    dialPolicy: toDialPolicy(chain.ledger.chainId),
  });
  try {
    await chain.refresh();
    const { value: beacon } = await createBeaconView({}, { crypto, chain, links }).get(registered.epoch);
    const entry = toEntry(registered);
    return { registered, entry, beacon, ledger: chain.ledger, evidence: await askEvidence(entry, { chain, links }) };
  } finally {
    links.close();
    await chain.stop();
  }
}

function toEntry({ epoch, until, ...names }: RegisteredMachine): MachineEntry {
  const bytes = (name: Exclude<keyof typeof names, 'isGood'>): Uint8Array => fromHex(names[name].slice(2), 32);
  return {
    ...{ providerId: bytes('providerId'), machine: bytes('machine'), image: bytes('image'), epoch, until },
    ...{ evidence: bytes('evidence'), signingKey: bytes('signingKey'), sealKey: bytes('sealKey') },
    platformKey: bytes('platformKey'),
  };
}

/** Asks the validators that signed the entry: its hash is on the chain. */
async function askEvidence(
  { evidence: hash }: MachineEntry,
  { chain, links }: { readonly chain: Pick<ChainView, 'validators'>; readonly links: LinkPool },
): Promise<Uint8Array> {
  const why: string[] = [];
  for (const validator of chain.validators()) {
    try {
      const link = links.to(ValidatorService, validator);
      return (await link.getMachineEvidence({ hash }, { timeoutMs: ASK_TIMEOUT_MS })).evidence;
    } catch (error) {
      why.push((error as Error).message);
    }
  }
  throw new ConfigError(NAME, [`no validator shows the evidence: ${why.join('; ')}`]);
}
