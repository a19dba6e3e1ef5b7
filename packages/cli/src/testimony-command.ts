import { parsePolicy } from '@ogong/attestation/policy-file';
import { parseTestimony, verifyTestimony } from '@ogong/attestation/testimony';
import { defineConfig } from '@ogong/host/config/define-config';
import { hex, text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { describeFailure } from '@ogong/host/log/errors';
import { fromHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { isOk, listSkipped } from '@ogong/protocol/base/checks';
import { toPrintable } from '@ogong/protocol/base/printable';
import { machineFields, readAuthority, readMachinePolicy } from './machine-policy.ts';
import { formatVerdict } from './print-checks.ts';
import { toPlainBytes } from './receipt-file.ts';
import { readUserFile } from './user-files.ts';
import { VERIFY_EXIT } from './verify-command.ts';

const NAME = 'ogong testimony';

const config = defineConfig({
  name: NAME,
  summary:
    "Checks a machine's testimony about a server's answer: the machine, the server's certificates, and both bodies.\n" +
    'Exits as ogong verify does: 0 if all checks pass, 1 if one fails, 2 if it cannot be read, 3 if one was skipped.',
  fields: {
    ...machineFields,
    authority: {
      schema: text,
      label: '<root.pem|hash>',
      repeatable: true,
      description: 'root that may vouch for the server, as a file or as the SHA-256 of its DER',
    },
    challenge: { schema: hex(32), label: '<hex>', description: 'the challenge that the machine had to answer' },
    allow: { schema: text, label: '<checks>', description: 'checks that may be skipped' },
    json: jsonField,
  },
  positionals: { label: '<testimony.json>', min: 1, max: 1 },
  examples: [
    'ogong testimony testimony.json --machines policy.json --authority root.pem --challenge <hex>',
    'ogong testimony testimony.json --machines policy.json --authority root.pem --allow challenge',
  ],
});

export const testimonyCommand: Command = {
  name: 'testimony',
  summary: "check a machine's testimony about a server's answer",
  async run(argv, output) {
    try {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return VERIFY_EXIT.ok;
      }
      const { values, positionals } = parsed;
      const policy = (await readMachinePolicy('ogong testimony', values, undefined)) ?? parsePolicy(utf8Encode('{}'));
      const { checks, exchange } = await verifyTestimony(
        parseTestimony(toPlainBytes(readUserFile(positionals[0] as string))),
        {
          ...{ crypto, policy, nowMs: Date.now() },
          authorities:
            values.authority.length === 0 ? undefined : values.authority.map((given) => readAuthority(NAME, given)),
          challenge: values.challenge === undefined ? undefined : fromHex(values.challenge),
        },
      );
      // A skipped check of the machine is its policy's part.
      const own = checks.filter(({ id, status }) => status !== 'skip' || !policy.allow.includes(id));
      const skipped = listSkipped(own, (values.allow ?? '').split(',').filter(Boolean));
      const verdict = { ok: isOk(checks) && skipped.missing.length === 0, checks, ...skipped };
      const said = exchange && {
        ...{ method: exchange.method, url: exchange.url, status: exchange.status },
        time: new Date(exchange.timeMs).toISOString(),
      };
      if (values.json) printJson(output, { ...verdict, exchange: said ?? null });
      else {
        const line = said && `${said.method} ${toPrintable(said.url)}: status ${said.status}, ${said.time}\n`;
        output.write(`${line ?? ''}${formatVerdict(verdict)}`);
      }
      if (verdict.ok) return VERIFY_EXIT.ok;
      if (exchange === undefined) return VERIFY_EXIT.unusable;
      return checks.some(({ status }) => status === 'fail') ? VERIFY_EXIT.failed : VERIFY_EXIT.unchecked;
    } catch (error) {
      output.writeError(`${NAME}: ${describeFailure(error)}\n`);
      return VERIFY_EXIT.unusable;
    }
  },
};

/** SHA-256 of a root's DER. */
