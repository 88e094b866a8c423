import { kindOf } from '../../workflows/definition.ts'
import type { NODE_TYPES } from '../../workflows/node-types.ts'
import { comment, end, pass } from './boundary.ts'
import { callWorkflowNode } from './call.ts'
import { evalExpression, ifNode, switchNode } from './condition.ts'
import { readCsv } from './csv.ts'
import { appendFile, readFile, writeFile } from './file.ts'
import { httpRequest } from './http.ts'
import { log } from './log.ts'
import { breakLoop, forLoop, loopEnd, whileLoop } from './loop.ts'
import type { NodeRunner } from './node.ts'
import { getVariable, incrementVariable, setVariable } from './variable.ts'
import { wait } from './wait.ts'

/** Every node type that the reference robot runs. Looked up by `nodeKind`, so case and suffix do not matter. */
export const NODES = {
  StartNode: pass,
  EndNode: end,
  CommentNode: comment,
  MergeNode: pass,
  SetVariableNode: setVariable,
  GetVariableNode: getVariable,
  IncrementVariableNode: incrementVariable,
  EvalExpressionNode: evalExpression,
  IfNode: ifNode,
  SwitchNode: switchNode,
  ForLoopNode: forLoop,
  ForLoopStartNode: forLoop,
  ForLoopEndNode: loopEnd,
  WhileLoopStartNode: whileLoop,
  WhileLoopEndNode: loopEnd,
  BreakNode: breakLoop,
  ContinueNode: loopEnd,
  WaitNode: wait,
  LogNode: log,
  ReadFileNode: readFile,
  WriteFileNode: writeFile,
  AppendFileNode: appendFile,
  ReadCSVNode: readCsv,
  HttpRequestNode: httpRequest,
  CallWorkflowNode: callWorkflowNode,
} as const satisfies Record<(typeof NODE_TYPES)[number], NodeRunner>

const byKind = new Map<string, NodeRunner>(Object.entries(NODES).map(([name, runner]) => [kindOf(name), runner]))

/** The runner for nodes of a type, or undefined if this robot does not know the type. */
export function runnerOf(nodeType: string): NodeRunner | undefined {
  return byKind.get(kindOf(nodeType))
}
