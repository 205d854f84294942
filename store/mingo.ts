import { Context } from "mingo/core";
import * as operators from "mingo/operators/query";
import { Query as MingoQuery } from "mingo/query";
import type { Query } from "./types";

const context = Context.init({ query: operators });

/** A query of mingo's. Its main module loads every operator of every stage, a fifth of a second at each start. */
export const mingoQuery = (query: Query): MingoQuery => new MingoQuery(query, { context });
