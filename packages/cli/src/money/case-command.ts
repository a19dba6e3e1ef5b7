import { randomBytes } from 'node:crypto';
import { waitForNextBlock } from '@ogong/chain/next-block';
import { type MisroutingProof, nameTicket } from '@ogong/chain/validators/cases';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { EXIT, explainFile } from '@ogong/host/log/errors';
import { fromBase64, toHex } from '@ogong/protocol/base/bytes';
import { ED25519_SIGNATURE_BYTES, verifyHybrid } from '@ogong/protocol/crypto/hybrid';
import { findMisrouting, isNamedList } from '@ogong/protocol/exchange/misrouting';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { readUserFile } from '../user-files.ts';
import { act, actionFields } from './act.ts';
import { appealVerb, drawVerb, forfeitVerb } from './appeal-verbs.ts';
import { contradictionVerb } from './contradiction-verb.ts';
import { closeVerb, collectVerb, evictVerb, listVerb } from './upkeep-verbs.ts';

const NAME = 'ogong case misrouting';

const misroutingConfig = defineConfig({
  name: NAME,
  examples: [`${NAME} misrouted/<name>.json --keypair <path> --deployment deployment.json --dry-run`],
  summary:
    'Shows the chain a ticket by which a router misrouted, and the list of candidates that the ticket names. A gateway keeps both in\n' +
    '`misrouted/` of its data directory. The contract checks the signature and draws anew. It takes a tenth of the stake of the router, once a day, and holds\n' +
    "it for one appeal; then the account that shows it has the reporter's share.",
  fields: actionFields,
  positionals: { label: '<kept.json>', min: 1, max: 1 },
});

/** @returns the proof, and the router's fault. @throws ConfigError if the file shows nothing of a router */
function readKept(path: string): { readonly proof: MisroutingProof; readonly problem: string } {
  const fail = (why: string): never => {
    throw new ConfigError(NAME, [`${path}: ${why}`]);
  };
  try {
    const fields = JSON.parse(readUserFile(path).toString('utf8')) as Record<string, unknown>;
    const read = (name: string): Uint8Array => {
      const value = fields[name];
      return typeof value === 'string' ? fromBase64(value) : fail(`it has no ${name} in base64`);
    };
    const [message, publicKey, signature, candidates] = [
      ...[read('ticket'), read('routerKey')],
      ...[read('signature'), read('candidates')],
    ] as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const ticket = parseTicket(message);
    if (!verifyHybrid(nodeCrypto, { publicKey, message, signature })) fail('its ticket is not signed by its key');
    if (!isNamedList(nodeCrypto, { ticket, candidates }))
      fail('its list is another than the one that its ticket names');
    const problem = findMisrouting(nodeCrypto, { ticket, candidates }) ?? fail('its ticket is what its list gives');
    const shown = { ticket: message, routerKey: publicKey, candidates };
    return {
      proof: { router: ticket.router, ...shown, signature: signature.subarray(0, ED25519_SIGNATURE_BYTES) },
      problem,
    };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    return fail(explainFile(error));
  }
}

export const caseCommand = createCommandGroup({
  program: 'ogong',
  name: 'case',
  summary: 'cases: prove one, appeal, draw the panel, and pay out final ones',
  examples: [
    `${NAME} misrouted/<name>.json --keypair <path> --deployment deployment.json`,
    'ogong case appeal --case 3 --keypair <path> --deployment deployment.json --dry-run',
  ],
  verbs: {
    ...{ list: listVerb, appeal: appealVerb, draw: drawVerb, close: closeVerb },
    ...{ forfeit: forfeitVerb, collect: collectVerb, evict: evictVerb },
    contradiction: contradictionVerb,
    misrouting: {
      summary: 'a ticket that its own list does not give',
      async run(argv, output) {
        const parsed = misroutingConfig.parse(argv, process.env);
        if (parsed.kind === 'print') {
          output.write(parsed.text);
          return EXIT.ok;
        }
        const { proof, problem } = readKept(parsed.positionals[0] as string);
        const router = `0x${toHex(proof.router as Uint8Array)}`;
        let told: Readonly<Record<string, unknown>> = {};
        return act(NAME, parsed.values, output, {
          does: `open a case against the router ${router}: ${problem}`,
          fields: () => ({ router, problem, ...told }),
          async run(writes, client) {
            const isProven = await client.isProven(proof.router, nameTicket(proof.ticket));
            told = { isProven };
            if (isProven) {
              output.writeError(
                'this is proven already, and convicts nobody twice: `ogong case list` shows the case\n',
              );
              return;
            }
            const secret = randomBytes(32);
            const announced = await writes.announceMisrouting(proof, secret);
            if (!client.isDry) await waitForNextBlock(client.transactor, announced);
            await writes.proveMisrouting(proof, secret);
          },
        });
      },
    },
  },
});
