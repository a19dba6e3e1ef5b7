import { writeFileSync } from 'node:fs';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { utf8Decode } from '@ogong/protocol/base/bytes';
import { formatProof } from '@ogong/protocol/verdict/proof';
import type { DemoClaim } from '../claims/claims.ts';
import { shorten } from '../format.ts';
import { openLinks } from '../mesh-router.ts';
import type { DemoModels } from '../model.ts';
import type { DemoOptions } from '../options.ts';
import { describeChecks, formatClaims, type Screen } from '../print.ts';
import type { AskedReply } from '../run-record.ts';
import { runTee } from './run-tee.ts';
import { evaluateTeeClaims, type TeeAnswer } from './tee-claims.ts';
import type { TeeNetworkPlan } from './tee-network.ts';

/** Requests of each tier before and after the lapse, besides those for one machine alone. */
const LEAST_REQUESTS = 2;
const KINDS = 4;

interface TeeShow {
  readonly mesh: Mesh;
  readonly plan: TeeNetworkPlan;
  readonly options: DemoOptions;
  readonly models: DemoModels;
  readonly screen: Screen;
}

/** Runs the requests, prints answers and the checks of their receipts, and evaluates the claims. */
export async function showTee(shown: TeeShow): Promise<{ claims: DemoClaim[]; ok: boolean }> {
  const { mesh, plan, options, models, screen } = shown;
  const links = await openLinks();
  screen.title(`Requests for ${models.id} and ${plan.modelId} to ${mesh.plan.gatewayUrl}`);
  try {
    const run = await runTee({
      ...{ mesh, plan, links, maxTokens: options.maxTokens },
      model: { id: models.id, modelRoot: models.sold.modelRoot },
      requests: Math.max(LEAST_REQUESTS, Math.floor(options.requests / KINDS)),
      onProgress: screen.progress,
      onAnswer: (reply, answer) => screen.lines(describeAnswer(reply, answer)),
    });
    const claims = evaluateTeeClaims(run);
    const ok = claims.every((claim) => claim.ok);
    screen.title('Claims');
    screen.lines(formatClaims(claims, screen));
    screen.title(ok ? `all ${claims.length} claims hold` : 'not all claims hold');
    if (options.jsonFile) writeFileSync(options.jsonFile, `${JSON.stringify({ ok, claims, ...run }, null, 2)}\n`);
    return { claims, ok };
  } finally {
    links.close();
  }
}

/** Formats one answer: provider, text, checks of the receipt, and their basis. */
function describeAnswer(reply: AskedReply, { number, tier, only, provider, error, checks }: TeeAnswer): string {
  const head = `#${String(number).padStart(2, '0')} ${tier}${only === undefined ? '' : `, ${only} alone`}`;
  if (provider === undefined) return `${head}\n      refused: ${error ?? 'no receipt came'}`;
  const proof = formatProof(checks, new Date(Number(reply.receipts?.full.admission.timeMs ?? 0n)).toISOString())
    .trimEnd()
    .split('\n')
    .filter(Boolean);
  return [
    `${head} by ${provider} in ${Math.round(reply.durationMs)} ms`,
    `      ${shorten(utf8Decode(reply.response), 110)}`,
    `      ${describeChecks(checks)}`,
    ...proof.map((line) => `      ${line}`),
  ].join('\n');
}
