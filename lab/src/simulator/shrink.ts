import type { Plan } from './plan.ts';

export interface ShrinkOptions {
  /** Whether a plan breaks the same invariant. */
  readonly fails: (plan: Plan) => Promise<boolean>;
  /** Runs at most. */
  readonly budget: number;
}

/** A smaller plan that breaks the same invariant: without the choices that it does not need. */
export async function shrinkPlan(first: Plan, { fails, budget }: ShrinkOptions): Promise<Plan> {
  let plan = first;
  let left = budget;
  const attempt = async (smaller: Plan): Promise<boolean> => {
    if (left <= 0) return false;
    left--;
    if (!(await fails(smaller))) return false;
    plan = smaller;
    return true;
  };
  for (const part of ['faults', 'requests', 'liars'] as const) {
    await dropFrom(part);
  }
  for (let faultyMs = plan.faultyMs / 2; faultyMs >= 5_000; faultyMs /= 2) {
    if (!(await attempt(cut(plan, Math.round(faultyMs))))) break;
  }
  return plan;

  /** Drops halves, then quarters, down to single choices. */
  async function dropFrom(part: 'faults' | 'requests' | 'liars'): Promise<void> {
    for (let size = plan[part].length; size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < plan[part].length; ) {
        const list = plan[part] as readonly unknown[];
        const smaller = { ...plan, [part]: [...list.slice(0, at), ...list.slice(at + size)] };
        if (!(await attempt(smaller))) at += size;
        if (left <= 0) return;
      }
    }
  }
}

/** The same with less time for faults and requests. */
function cut(plan: Plan, faultyMs: number): Plan {
  return {
    ...plan,
    faultyMs,
    faults: plan.faults.filter((fault) => fault.kind === 'skew' || fault.atMs < faultyMs),
    requests: plan.requests.filter(({ atMs }) => atMs < faultyMs),
  };
}
