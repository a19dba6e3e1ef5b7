import type { ServiceWatch } from './invariants/service.ts';
import type { Plan } from './plan.ts';
import { MODEL_ID, type SimulatedGateway } from './roles/serving.ts';
import type { Machine } from './world/process.ts';
import type { World } from './world/world.ts';

/** Times after the faults at which each gateway gets a request. An honest one must answer. */
const PROBES_MS = [15_000, 22_000, 30_000];
/** A leader has the same members until its orders have ended. Those of a shard that has crashed end within a minute. */
const COHORT_PROBES_MS = [30_000, 60_000, 90_000];

const askForText = (index: number) => ({
  path: '/v1/chat/completions',
  messages: [{ role: 'user', content: `Tell me story ${index}.` }],
  max_tokens: 20 + (index % 40),
});

export const writePrompt = (index: number): string => `Picture ${index} of a harbour`;

/** Returns whether a prompt is of a client. Validators cut those of canaries from one text, so they name no reply. */
export const isClientPrompt = (prompt: string): boolean => /^Picture \d+ of a harbour$/.test(prompt);

/** Prompts are long enough for a search in messages (invariants/privacy.ts). */
const askForPicture = (index: number) => ({
  path: '/v1/images/generations',
  prompt: writePrompt(index),
  size: '32x32',
  steps: 4 + 2 * (index % 3),
});

interface Asked {
  readonly index: number;
  readonly gateway: number;
  readonly isProbe: boolean;
}

/** Schedules requests at the plan's times and after the faults. A request to a gateway that is down has no answer. */
export function scheduleRequests(
  world: World,
  plan: Plan,
  { machines, service }: { readonly machines: ReadonlyMap<string, Machine>; readonly service: ServiceWatch },
): void {
  const howOf = (gateway: number): string | undefined =>
    plan.liars.find(({ machine }) => machine === `gateway-${gateway}`)?.how;
  const probes = (plan.isProbed === false ? [] : plan.hasCohorts ? COHORT_PROBES_MS : PROBES_MS).flatMap((afterMs) =>
    Array.from({ length: plan.gateways }, (_, gateway) => ({ atMs: plan.faultyMs + afterMs, gateway, isProbe: true })),
  );
  for (const [index, asked] of [...plan.requests, ...probes].entries()) {
    const { atMs, gateway, isProbe = false } = asked as (typeof probes)[number];
    world.time.plan(atMs, () => {
      // A payer that spends twice has two machines with one account.
      const twin = howOf(gateway) === 'spends-twice' && index % 2 === 1 ? '-twin' : '';
      const machine = machines.get(`gateway-${gateway}${twin}`);
      const running = machine?.running as SimulatedGateway | undefined;
      if (machine?.owner === undefined || running === undefined) {
        return service.note({ gateway, isProbe }, 0, []);
      }
      world.time.runAs(machine.owner, () => void ask(running, { index, gateway, isProbe }));
    });
  }

  async function ask(running: SimulatedGateway, asked: Asked): Promise<void> {
    const { index, gateway } = asked;
    const leaves = howOf(gateway) === 'leaves';
    const { path, ...body } = plan.sellsPictures ? askForPicture(index) : askForText(index);
    const response = await running.ask(path, { model: MODEL_ID, ...body, ...(leaves ? { stream: true } : {}) });
    if (leaves) {
      const reader = response.body?.getReader();
      await reader?.read();
      await reader?.cancel();
      return service.note(asked, response.status, []);
    }
    const text = await response.text();
    const { ogong } = JSON.parse(text) as { ogong?: { receipts: readonly { reply_id: string }[] } };
    service.note(
      asked,
      response.status,
      (ogong?.receipts ?? []).map(({ reply_id: id }) => id),
    );
    const why = response.status === 200 ? '' : ` ${text.slice(0, 600)}`;
    world.trace.note('client', `request ${index}: ${response.status}${why}`);
  }
}
