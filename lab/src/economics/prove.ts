import type { EconomicStatement } from './finding.ts';
import { PROPOSITIONS, type Proposition, toScript } from './propositions.ts';

/** Z3's own numbers. */
const ANSWERS: ReadonlyMap<number, string> = new Map([
  [1, 'sat'],
  [-1, 'unsat'],
]);

/** Answers a script: `unsat`, `sat` or `unknown`. */
export type Solve = (script: string) => Promise<string>;

/** Opens Z3 as WebAssembly. Its threads keep the process alive, so the caller must close it. */
export async function openSolver(): Promise<{ readonly solve: Solve; close(): void }> {
  const { init } = await import('z3-solver');
  const { Z3, em } = await init();
  return {
    async solve(script) {
      const context = Z3.mk_context(Z3.mk_config());
      const solver = Z3.mk_solver(context);
      Z3.solver_inc_ref(context, solver);
      try {
        // Read at once, and not on another thread, which would read the text after it was freed.
        Z3.solver_from_string(context, solver, script);
        if (Z3.get_error_code(context) !== 0) throw new Error(`the solver cannot read: ${script}`);
        const answer = await Z3.solver_check(context, solver);
        return ANSWERS.get(answer) ?? 'unknown';
      } finally {
        Z3.solver_dec_ref(context, solver);
        Z3.del_context(context);
      }
    },
    close: () => em.PThread.terminateAllThreads(),
  };
}

/** A statement holds if nothing contradicts it; its twin has to be contradicted, or the check could not fail. */
export async function prove(
  solve: Solve,
  propositions: readonly Proposition[] = PROPOSITIONS,
): Promise<EconomicStatement[]> {
  const findings: EconomicStatement[] = [];
  for (const proposition of propositions) {
    const { says, twin } = proposition;
    const broken = {
      ...proposition,
      assume: twin.assume ?? proposition.assume,
      claim: twin.claim ?? proposition.claim,
    };
    const [answer, refuted] = [await solve(toScript(proposition)), await solve(toScript(broken))];
    findings.push({
      claim: says,
      holds: answer === 'unsat' && refuted === 'sat',
      detail: `proven: ${answer === 'unsat' ? 'yes' : answer}; the twin (${twin.says}) refuted: ${refuted === 'sat' ? 'yes' : refuted}`,
    });
  }
  return findings;
}
