import type { Arithmetic } from './operators.ts';
import type { Value } from './values.ts';

/** The arguments of a call as they are written. */
export interface WrittenArguments {
  readonly positional: readonly TemplateExpression[];
  readonly named: readonly (readonly [name: string, value: TemplateExpression])[];
  /** After `*`, and after `**`. */
  readonly list: TemplateExpression | undefined;
  readonly dict: TemplateExpression | undefined;
}

export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

export type TemplateExpression =
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly TemplateExpression[] }
  | { readonly kind: 'dict'; readonly members: readonly (readonly [TemplateExpression, TemplateExpression])[] }
  | {
      readonly kind: 'choice';
      readonly test: TemplateExpression;
      readonly yes: TemplateExpression;
      readonly no: TemplateExpression | undefined;
    }
  | { readonly kind: 'and' | 'or'; readonly left: TemplateExpression; readonly right: TemplateExpression }
  | { readonly kind: 'not' | 'negative' | 'positive'; readonly operand: TemplateExpression }
  | {
      readonly kind: 'comparison';
      readonly first: TemplateExpression;
      readonly others: readonly (readonly [ComparisonOperator, TemplateExpression])[];
    }
  | {
      readonly kind: 'arithmetic';
      readonly operator: Arithmetic;
      readonly left: TemplateExpression;
      readonly right: TemplateExpression;
    }
  /** A text beside one that is safe: its marks of HTML are escaped. */
  | { readonly kind: 'escaped'; readonly operand: TemplateExpression }
  | { readonly kind: 'concatenation'; readonly parts: readonly TemplateExpression[] }
  | { readonly kind: 'attribute'; readonly object: TemplateExpression; readonly name: string }
  | { readonly kind: 'item'; readonly object: TemplateExpression; readonly key: TemplateExpression }
  | {
      readonly kind: 'slice';
      readonly object: TemplateExpression;
      readonly bounds: readonly (TemplateExpression | undefined)[];
    }
  | { readonly kind: 'call'; readonly callee: TemplateExpression; readonly given: WrittenArguments }
  | {
      readonly kind: 'filter' | 'test';
      readonly name: string;
      /** Undefined for the filter of a block: its operand is the block's text. */
      readonly operand: TemplateExpression | undefined;
      readonly given: WrittenArguments;
    };

/** The target of an assignment: a name, a member of a namespace, or several of them. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'member'; readonly name: string; readonly member: string }
  | { readonly kind: 'targets'; readonly targets: readonly Target[] };

export interface Parameter {
  readonly name: string;
  readonly absent: TemplateExpression | undefined;
}

/** A body that is called: of a macro, or of a `call` block. */
export interface Body {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: readonly TemplateStatement[];
  /** Whether the body reads `varargs`, `kwargs` and `caller`. */
  readonly reads: ReadonlySet<string>;
}

export type TemplateStatement =
  | { readonly kind: 'data'; readonly text: string }
  | { readonly kind: 'output'; readonly value: TemplateExpression }
  | {
      readonly kind: 'if';
      readonly branches: readonly (readonly [test: TemplateExpression, body: readonly TemplateStatement[]])[];
      readonly otherwise: readonly TemplateStatement[];
    }
  | {
      readonly kind: 'for';
      readonly target: Target;
      readonly items: TemplateExpression;
      readonly test: TemplateExpression | undefined;
      readonly body: readonly TemplateStatement[];
      readonly otherwise: readonly TemplateStatement[];
      readonly isRecursive: boolean;
    }
  | { readonly kind: 'set'; readonly target: Target; readonly value: TemplateExpression }
  | {
      readonly kind: 'set-block';
      readonly target: Target;
      readonly filter: TemplateExpression | undefined;
      readonly body: readonly TemplateStatement[];
    }
  | { readonly kind: 'macro'; readonly macro: Body }
  | { readonly kind: 'call-block'; readonly call: TemplateExpression; readonly caller: Body }
  | { readonly kind: 'filter-block'; readonly filter: TemplateExpression; readonly body: readonly TemplateStatement[] }
  | {
      readonly kind: 'with';
      readonly values: readonly (readonly [Target, TemplateExpression])[];
      readonly body: readonly TemplateStatement[];
    }
  | { readonly kind: 'scope'; readonly body: readonly TemplateStatement[] }
  | { readonly kind: 'break' | 'continue' };
