/** What a build leaves out. */

/** Modules of Node. */
export const isNode = /^node:/

/** Effect, which the library shares with the program that uses it: two copies would not see each other's services. */
export const isEffect = /^effect(\/|$)/
