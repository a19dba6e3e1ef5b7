import { defineConfig } from '@ogong/host/config/define-config';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { parseProof } from '@ogong/memory/api/parse-proof';
import { verifyMemory } from '@ogong/memory/verify/verify-memory';
import { z } from 'zod';
import { loadTrust, trustFields } from '../chain-trust.ts';
import { formatChecks } from '../print-checks.ts';
import { openClient, serviceFields } from './memory-service-fields.ts';

export const verifyMemoryConfig = defineConfig({
  name: 'ogong memory verify',
  summary:
    'Checks a memory again, without a model: its words, the receipts of the calls that made it, and that they made it. Exits with 0 if every\n' +
    'check passes but those that --allow names, with 1 if one fails, and with 3 if one was skipped that --allow does not name.',
  positionals: { label: '<id>', min: 1, max: 1 },
  fields: { ...serviceFields, ...trustFields },
  examples: ['ogong memory verify 0f3a66b1c2d4e5f60f3a66b1c2d4e5f6 --allow network'],
});

const SKIPPED = 3;

/** @returns the exit code. @throws ConfigError, MemoryClientError, MemoryError */
export async function verifyOneMemory(argv: readonly string[], output: Output): Promise<number> {
  const parsed = verifyMemoryConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const isOfMesh = ({ gatewayUrl }: { readonly gatewayUrl: string }): boolean =>
    new URL(gatewayUrl).origin === new URL(values.memory).origin;
  const { trust } = await loadTrust('ogong memory verify', values, isOfMesh);
  const answer = await openClient(values).call('proof', { id: positionals[0] as string, answer: z.unknown() });
  const { embedded, calls } = parseProof(answer);
  const verdict = await verifyMemory(embedded, { calls, trust, allow: trust.allow ?? [], nowMs: Date.now() });
  const { ok, checks, missing } = verdict;
  if (values.json) printJson(output, { memory: embedded.memory.text, ok, checks, missing });
  else {
    const { text, quote } = embedded.memory;
    output.write(`${text}\n${quote === undefined ? '' : `  from "${quote.words.trim()}"\n`}${formatChecks(checks)}`);
    if (missing.length > 0)
      output.write(
        `not checked: ${missing.join(', ')}: give --trust, or name them with --allow (network: all that local mode lacks)\n`,
      );
  }
  if (ok) return EXIT.ok;
  return checks.some(({ status }) => status === 'fail') ? 1 : SKIPPED;
}
