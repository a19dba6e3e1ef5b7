import type { ConsequenceGroup } from './consequence.ts';
import { AUDIT_ROWS } from './rows/audits.ts';
import { COHORT_ROWS } from './rows/cohorts.ts';
import { GATEWAY_ROWS } from './rows/gateways.ts';
import { ORDER_ROWS } from './rows/orders.ts';
import { ROUTING_ROWS } from './rows/routing.ts';
import { SERVICE_ROWS } from './rows/services.ts';
import { VALIDATOR_ROWS } from './rows/validators.ts';
import { VERIFIER_ROWS } from './rows/verifiers.ts';

/** The groups of the table in docs/spec/silence.md, in its order. */
export const CONSEQUENCES: readonly ConsequenceGroup[] = [
  { title: 'Orders', rows: ORDER_ROWS },
  { title: 'Gateways and clients', rows: GATEWAY_ROWS },
  { title: 'Draws of providers', rows: ROUTING_ROWS },
  { title: 'Openings and audits', rows: AUDIT_ROWS },
  { title: 'Verifiers', rows: VERIFIER_ROWS },
  { title: 'Cohorts', rows: COHORT_ROWS },
  { title: 'Validators', rows: VALIDATOR_ROWS },
  { title: 'Relays, pins, machines and prices', rows: SERVICE_ROWS },
];
