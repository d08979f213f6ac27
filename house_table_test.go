package house

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// isTable reports whether typ is an array, slice or map of values that hold no
// reference to anything.
func isTable(typ types.Type) bool {
	if typ == nil {
		return false
	}
	switch t := typ.Underlying().(type) {
	case *types.Array:
		return isPlain(t.Elem())
	case *types.Slice:
		return isPlain(t.Elem())
	case *types.Map:
		return isPlain(t.Elem())
	}
	return false
}

// isPlain reports whether whoever gets a value of typ gets a copy of all of it.
func isPlain(typ types.Type) bool {
	switch t := typ.Underlying().(type) {
	case *types.Basic:
		return t.Kind() != types.Invalid && t.Kind() != types.UnsafePointer
	case *types.Array:
		return isPlain(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			if !isPlain(f.Type()) {
				return false
			}
		}
		return true
	}
	return false
}

// changeable returns the variables that are used in a way that changes them, or
// that lets somebody else do it.
func changeable(info *types.Info, files []*ast.File) map[types.Object]bool {
	found := make(map[types.Object]bool)
	for _, f := range files {
		var path []ast.Node // from f down to the node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				path = path[:len(path)-1]
				return true
			}
			path = append(path, n)
			if id, ok := n.(*ast.Ident); ok && info.Uses[id] != nil && !reads(info, path) {
				found[info.Uses[id]] = true
			}
			return true
		})
	}
	return found
}

// reads reports whether the identifier at the end of path is only looked at:
// the whole of it by len or range, or a plain value that is all or a part of it.
func reads(info *types.Info, path []ast.Node) bool {
	part := path[len(path)-1].(ast.Expr)
	for i := len(path) - 2; i >= 0; i-- {
		switch outer := path[i].(type) {
		case *ast.ParenExpr:
			part = outer
			continue
		case *ast.IndexExpr:
			if outer.X == part {
				part = outer
				continue
			}
		case *ast.SelectorExpr:
			sel := info.Selections[outer]
			if sel != nil && sel.Kind() == types.FieldVal {
				part = outer
				continue
			}
			if sel != nil && takesPointer(sel) {
				return false
			}
		case *ast.RangeStmt:
			if outer.X == part {
				return true
			}
			return outer.Key != part && outer.Value != part
		case *ast.CallExpr:
			if fun, ok := outer.Fun.(*ast.Ident); ok && info.Uses[fun] == types.Universe.Lookup("len") {
				return true
			}
		case *ast.AssignStmt:
			if slices.Contains(outer.Lhs, part) {
				return false
			}
		case *ast.IncDecStmt, *ast.SliceExpr:
			return false
		case *ast.UnaryExpr:
			if outer.Op == token.AND {
				return false
			}
		}
		break
	}
	typ := info.TypeOf(part)
	if found, ok := typ.(*types.Tuple); ok { // of v, ok := m[k]
		typ = found.At(0).Type()
	}
	return typ != nil && isPlain(typ)
}

// takesPointer reports whether a method may change what it is called on.
func takesPointer(method *types.Selection) bool {
	sig, ok := method.Obj().Type().(*types.Signature)
	if !ok || sig.Recv() == nil {
		return true
	}
	_, pointer := types.Unalias(sig.Recv().Type()).(*types.Pointer)
	return pointer
}
