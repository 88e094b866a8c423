/**
 * Every node type that the reference robot runs. `robot/nodes/table.ts` has their runners: a type that is missing on
 * either side does not compile.
 */
export const NODE_TYPES = [
  'StartNode',
  'EndNode',
  'CommentNode',
  'MergeNode',
  'SetVariableNode',
  'GetVariableNode',
  'IncrementVariableNode',
  'EvalExpressionNode',
  'IfNode',
  'SwitchNode',
  'ForLoopNode',
  'ForLoopStartNode',
  'ForLoopEndNode',
  'WhileLoopStartNode',
  'WhileLoopEndNode',
  'BreakNode',
  'ContinueNode',
  'WaitNode',
  'LogNode',
  'ReadFileNode',
  'WriteFileNode',
  'AppendFileNode',
  'ReadCSVNode',
  'HttpRequestNode',
  'CallWorkflowNode',
] as const
