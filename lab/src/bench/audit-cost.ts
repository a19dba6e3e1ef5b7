/** Why an audit costs more than a prompt of as many tokens, and what could be tried. */
export const AUDIT_COST = {
  why: 'a prompt wants the logits of its last position, an audit those of every position of the reply: the output layer runs that often, and lists and sketches are made of it. It weighs the less the larger the model, whose output layer is a smaller part of it',
  next: 'the output layer for drawn windows alone, where a sample of them is audited',
};
